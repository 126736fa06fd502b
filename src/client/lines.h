/* SPDX-License-Identifier: MIT */
/*
 * lines: the lines of an input, of any length, read in large blocks.  Without
 * memory for a line the process ends.  Where the input has a size, the last
 * line is that which begins before it: it may be written just now.  One thread.
 */
#ifndef PORTLOG_CLIENT_LINES_H
#define PORTLOG_CLIENT_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "client/finder.h"
#include "client/input.h"

/* { .input = ... }, borrowed, is a new one. */
struct lines {
	struct input *input;
	struct buffer memory;
	size_t begin;              /* in memory, of the next line */
	size_t searched;           /* from there, without an LF */
	unsigned long long number; /* of the last line returned, from 1 */
	bool ended;
	bool is_tuned; /* the finder of lines_pass() */
	int error;     /* errno of the read(2) that failed, or 0 */
};

/* A line without its LF.  It may be changed, and is valid until the next. */
struct line {
	char *text;
	size_t size;
	bool is_whole; /* an LF followed */
};

/* The next line of those read.  false: more must be read.  Does not block. */
bool lines_held(struct lines *, struct line *);

/*
 * Pass over lines of those read that have not the bytes to find; what may be
 * JSON, which has other bytes for some, is not passed over.  Returns how many
 * bytes; the numbers of lines do not count them.
 */
size_t lines_pass(struct lines *, struct finder *);

/* Read more.  Blocks.  false: there is no more, or lines->error. */
bool lines_read(struct lines *);

/*
 * Both: the next line.  Blocks until its LF was read and no longer, so that
 * lines typed at a terminal come one by one.  false: the end, or lines->error.
 */
bool lines_next(struct lines *, struct line *);

void lines_free(struct lines *);

#endif
