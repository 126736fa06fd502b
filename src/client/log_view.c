/* SPDX-License-Identifier: MIT */
#include "client/log_view.h"

#include <string.h>

#include "base/escape.h"

static const char json_begin[] = "{\"time\":\"";

#define JSON_BEGIN (sizeof json_begin - 1)

static bool
is_time(const char *text, size_t size)
{
	return size >= LOG_VIEW_TIME && text[4] == '-' && text[7] == '-' &&
	       text[10] == 'T' && text[13] == ':' && text[19] == '.' &&
	       text[26] == 'Z' && text[0] >= '0' && text[0] <= '9';
}

const char *
log_view_time(const char *line, size_t size)
{
	if (size > JSON_BEGIN && memcmp(line, json_begin, JSON_BEGIN) == 0) {
		line += JSON_BEGIN;
		size -= JSON_BEGIN;
	}
	return is_time(line, size) ? line : NULL;
}

/* The column at *at, and the space behind it.  NULL: there is none. */
static const char *
take_column(const char **at, const char *end, size_t *size)
{
	const char *begin = *at;
	const char *space = memchr(begin, ' ', (size_t)(end - begin));

	if (!space)
		return NULL;
	*size = (size_t)(space - begin);
	*at = space + 1;
	return begin;
}

static bool
split(struct log_view *view)
{
	const char *at = view->text + LOG_VIEW_TIME + 1;
	const char *end = view->text + view->text_size;

	if (!is_time(view->text, view->text_size) || at > end || at[-1] != ' ')
		return false;
	view->listener = take_column(&at, end, &view->listener_size);
	if (!view->listener)
		return false;
	view->peer = take_column(&at, end, &view->peer_size);
	if (!view->peer || end - at < 1 || !*at || !strchr("FPET*", *at) ||
	    (end - at > 1 && at[1] != ' '))
		return false;
	view->tag = (enum tag)at[0];
	view->data = end - at > 1 ? at + 2 : end;
	view->size = (size_t)(end - view->data);
	return true;
}

void
log_view_add_escaped(struct buffer *out, const char *data, size_t size)
{
	size_t capacity = ESCAPE_GROWTH * size;

	out->size += escape(buffer_reserve(out, capacity), capacity,
			    (const unsigned char *)data, &size);
}

/* JSON may have any bytes in them. */
void
log_view_add_columns(struct buffer *out, const struct log_line *line)
{
	const char tag[] = { ' ', (char)line->tag, ' ' };

	buffer_add(out, line->time, LOG_VIEW_TIME);
	buffer_add(out, " ", 1);
	log_view_add_escaped(out, line->listener, line->listener_size);
	buffer_add(out, " ", 1);
	log_view_add_escaped(out, line->peer, line->peer_size);
	buffer_add(out, tag, sizeof tag);
}

/* Render a line of JSON as text.  false: it is none of a log. */
static bool
render(struct log_view *view, struct buffer *buffer)
{
	struct log_line line;
	bool good = !log_line_parse_json(&line, view->line, view->line_size);

	buffer->size = 0;
	if (good) {
		log_view_add_columns(buffer, &line);
		log_view_add_escaped(buffer, line.data, line.size);
	}
	log_line_free(&line);
	view->text = buffer->data;
	view->text_size = buffer->size;
	return good;
}

void
log_view_set(struct log_view *view, struct buffer *buffer, const char *line,
	     size_t size)
{
	bool is_json = size > 0 && line[0] == '{';

	*view = (struct log_view){
		.line = line,
		.line_size = size,
		.text = line,
		.text_size = size,
	};
	if ((is_json && !render(view, buffer)) || !split(view)) {
		view->is_foreign = true;
		view->text = view->data = line;
		view->text_size = view->size = size;
	}
}

double
log_view_seconds(const char *text)
{
	struct log_line line = { .time = text };
	struct timespec time;

	if (!text || strlen(text) != LOG_VIEW_TIME ||
	    !log_line_time(&line, &time))
		return 0;
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}
