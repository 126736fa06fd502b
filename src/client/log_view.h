/* SPDX-License-Identifier: MIT */
/*
 * log_view: a line of a log as it is shown, which is what the text format has.
 * Any thread.
 */
#ifndef PORTLOG_CLIENT_LOG_VIEW_H
#define PORTLOG_CLIENT_LOG_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "record/log_line.h"

/* The bytes of a time, as format_time() writes it. */
#define LOG_VIEW_TIME 27

/* All pointers are borrowed from the line, or from the buffer. */
struct log_view {
	const char *line; /* as it is in the file, without its LF */
	size_t line_size;
	const char *text; /* as text; it begins with the time */
	size_t text_size;
	const char *listener;
	size_t listener_size;
	const char *peer;
	size_t peer_size;
	enum tag tag;
	const char *data; /* escaped; to the end of the text */
	size_t size;
	bool is_foreign; /* no line of a log: there are no columns */
};

/*
 * Look at a line, text or JSON.  JSON is rendered as text into the buffer,
 * which is emptied before.  A line of text is not checked beyond its columns.
 */
void log_view_set(struct log_view *, struct buffer *, const char *line,
		  size_t size);

/* Put bytes as they are escaped in a log, and the columns before them. */
void log_view_add_escaped(struct buffer *, const char *data, size_t size);
void log_view_add_columns(struct buffer *, const struct log_line *);

/* The time of a line, text or JSON, where it begins as these do; or NULL. */
const char *log_view_time(const char *line, size_t size);

/* Seconds since 1970 of such a time; 0: text is NULL or none. */
double log_view_seconds(const char *text);

#endif
