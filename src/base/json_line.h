/* SPDX-License-Identifier: MIT */
/*
 * json_line: one line of JSON, an object, member by member.  Nothing is
 * allocated: begin a line where there is room for JSON_LINE bytes.  Pure.
 */
#ifndef PORTLOG_BASE_JSON_LINE_H
#define PORTLOG_BASE_JSON_LINE_H

#include <stdbool.h>
#include <stddef.h>

/* Of a longer text no more is written. */
#define JSON_LINE_TEXT 4096

/* The most bytes of a line, of two long texts and thirty other members. */
#define JSON_LINE 65536

struct json_line {
	char *end; /* behind what is written */
};

void json_line_begin(struct json_line *);
void json_line_end(struct json_line *);

/* The key is one of ours.  A byte that is not UTF-8 becomes U+FFFD. */
void json_line_add_text(struct json_line *, const char *key, const char *text);
void json_line_add_number(struct json_line *, const char *key,
			  unsigned long long value);
/* Seconds with three decimals. */
void json_line_add_ms(struct json_line *, const char *key,
		      unsigned long long ms);
void json_line_add_bool(struct json_line *, const char *key, bool value);

#endif
