/* SPDX-License-Identifier: MIT */
/*
 * log_line: a line of a log, text or JSON, back to its record.  Pure, but a
 * line of JSON is allocated; without memory the process ends.
 */
#ifndef PORTLOG_RECORD_LOG_LINE_H
#define PORTLOG_RECORD_LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "record/record.h"

/* All pointers are borrowed from the text of the line or from this itself. */
struct log_line {
	/* As format_time() writes it; of JSON any text of that length. */
	const char *time;
	const char *listener;
	size_t listener_size;
	const char *peer; /* "192.0.2.7:51034", "[2001:db8::7]:40000" or "-" */
	size_t peer_size;
	uint64_t connection; /* 0: unknown, as always in text */
	enum tag tag;
	const char *data;
	size_t size;
	/* Of JSON: */
	char peer_text[ADDRESS_TEXT];
	void *tree;
	unsigned char *decoded;
};

/*
 * Parse one line of text, without its LF; its data is unescaped in place.
 * Returns NULL, or what was expected: text to put behind "expected ".
 */
const char *log_line_parse_text(struct log_line *, char *line, size_t size);

/* The same for a line of JSON.  Free the result in any case. */
const char *log_line_parse_json(struct log_line *, const char *line,
				size_t size);
void log_line_free(struct log_line *);

/* Convert its time.  false: it is not as format_time() writes it. */
bool log_line_time(const struct log_line *, struct timespec *);

/* Whether it is a note of this event. */
bool log_line_is_note(const struct log_line *, const char *event);

#endif
