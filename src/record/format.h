/* SPDX-License-Identifier: MIT */
/* format: records to lines of text or JSON, or to raw bytes.  Pure. */
#ifndef PORTLOG_RECORD_FORMAT_H
#define PORTLOG_RECORD_FORMAT_H

#include <stddef.h>

#include "record/record.h"

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_RAW };

/* The least max_line: all columns but the data take less by far. */
#define FORMAT_MIN_LINE 1024

/* The most bytes that a record of size bytes becomes on one line. */
#define FORMAT_BOUND(size) (6 * (size_t)(size) + FORMAT_MIN_LINE)

/* What is left to render.  Begin with a done of 0. */
struct rendering {
	enum format format;
	/* Bytes of a line, with its newline, from FORMAT_MIN_LINE; 0: any. */
	size_t max_line;
	const struct record *records; /* borrowed */
	size_t count;                 /* of records */
	size_t done;                  /* bytes of the first that are rendered */
};

/*
 * Render records, in their order, while capacity has FORMAT_BOUND() of what is
 * left of the next one, or max_line if that is less.  Returns how many lines
 * these are; *written is the bytes that they take.  A record whose line would
 * be longer than max_line becomes several lines, all but the last tagged as
 * pieces.  In raw a record is one line whatever its size, and a note is a line
 * of no bytes.
 */
size_t format_lines(struct rendering *, char *out, size_t capacity,
		    size_t *written);

#endif
