/* SPDX-License-Identifier: MIT */
/* logline: a line of a log, text or JSON, read back. */
#ifndef PORTLOG_RECORD_LOG_LINE_H
#define PORTLOG_RECORD_LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "record/record.h"

/* All pointers are borrowed from the line, or from the logline itself. */
struct log_line {
	const char *time; /* as format_time() writes it; of JSON any text */
	const char *listener;
	size_t listener_size;
	const char *peer; /* "192.0.2.7:51034", "[2001:db8::7]:40000" or "-" */
	size_t peer_size;
	uint64_t connection; /* 0: the log does not tell */
	enum tag tag;
	const char *data; /* a note's event, and of text all that it says */
	size_t size;
	/* Of JSON: */
	char peer_text[ADDRESS_TEXT];
	void *tree;
	unsigned char *decoded;
};

/*
 * Read one line of text, without its LF.  Its data is unescaped in place.
 * Returns NULL, or what is wrong with it, to be put behind "expected ".
 */
const char *log_line_parse_text(struct log_line *, char *line, size_t size);

/* The same for a line of JSON; the logline is to be freed then. */
const char *log_line_parse_json(struct log_line *, const char *line,
				size_t size);
void log_line_free(struct log_line *);

/* Its time; false if it is none. */
bool log_line_time(const struct log_line *, struct timespec *);

/* Whether it is a note of this event. */
bool log_line_is_note(const struct log_line *, const char *event);

#endif
