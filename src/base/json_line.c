/* SPDX-License-Identifier: MIT */
#include "base/json_line.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/json_string.h"

static void
add_key(struct json_line *line, const char *key)
{
	line->end += sprintf(line->end,
			     "%s\"%s\":", line->end[-1] == '{' ? "" : ",", key);
}

void
json_line_begin(struct json_line *line)
{
	*line->end++ = '{';
}

void
json_line_end(struct json_line *line)
{
	*line->end++ = '}';
	*line->end++ = '\n';
}

void
json_line_add_text(struct json_line *line, const char *key, const char *text)
{
	size_t left = strnlen(text, JSON_LINE_TEXT);

	add_key(line, key);
	*line->end++ = '"';
	for (;;) {
		size_t size = left, written;
		bool all = json_string_put(line->end, SIZE_MAX, &written,
					   (const unsigned char *)text, &size);

		line->end += written;
		if (all)
			break;
		line->end = stpcpy(line->end, "\xef\xbf\xbd");
		text += size + 1;
		left -= size + 1;
	}
	*line->end++ = '"';
}

void
json_line_add_number(struct json_line *line, const char *key,
		     unsigned long long value)
{
	add_key(line, key);
	line->end += sprintf(line->end, "%llu", value);
}

void
json_line_add_ms(struct json_line *line, const char *key, unsigned long long ms)
{
	add_key(line, key);
	line->end += sprintf(line->end, "%llu.%03llu", ms / 1000, ms % 1000);
}

void
json_line_add_bool(struct json_line *line, const char *key, bool value)
{
	add_key(line, key);
	line->end = stpcpy(line->end, value ? "true" : "false");
}
