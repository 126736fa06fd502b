/* SPDX-License-Identifier: MIT */
/* lines: the lines of a file, as long as they may be, read in large blocks. */
#ifndef PORTLOG_CLIENT_LINES_H
#define PORTLOG_CLIENT_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

struct lines {
	int fd; /* borrowed */
	struct buffer memory;
	size_t begin;              /* of what was not yet given */
	unsigned long long number; /* of the line given last, from 1 */
	bool ended;
	int error; /* errno, where reading failed */
};

/* A line without its LF; it may be changed, and holds until the next. */
struct line {
	char *text;
	size_t size;
	bool is_whole; /* it had an LF */
};

void lines_init(struct lines *, int fd);

/*
 * The next line, once its LF was read, so that a terminal's lines come as they
 * are entered; false at the end, or where reading failed: lines->error.
 */
bool lines_next(struct lines *, struct line *);

void lines_free(struct lines *);

#endif
