/* SPDX-License-Identifier: MIT */
/*
 * lines: the lines of a file, of any length, read in large blocks.  Without
 * memory for a line the process ends.  One thread.
 */
#ifndef PORTLOG_CLIENT_LINES_H
#define PORTLOG_CLIENT_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

struct lines {
	int fd;
	struct buffer memory;
	size_t begin;              /* in memory, of the next line */
	unsigned long long number; /* of the last line returned, from 1 */
	bool ended;
	int error; /* errno of the read(2) that failed, or 0 */
};

/* A line without its LF.  It may be changed, and is valid until the next. */
struct line {
	char *text;
	size_t size;
	bool is_whole; /* an LF followed */
};

/* Open a file; "-" is stdin.  false: logged. */
bool lines_open(struct lines *, const char *path);

/*
 * Read the next line.  Blocks until its LF was read and no longer, so that
 * lines typed at a terminal come one by one.  false: the end, or lines->error.
 */
bool lines_next(struct lines *, struct line *);

/* Free the memory and close the file, but not stdin. */
void lines_close(struct lines *);

#endif
