/* SPDX-License-Identifier: MIT */
#include "client/log_print.h"

#include <string.h>
#include <time.h>

#include "base/escape.h"
#include "base/program.h"
#include "record/format.h"
#include "record/log_line.h"

/* Write at once what is more. */
#define FLUSH_BYTES 65536

static const char reset[] = "\033[0m", dim[] = "\033[2m", cyan[] = "\033[36m",
		  yellow[] = "\033[33m", red[] = "\033[31m",
		  reverse[] = "\033[7m", no_reverse[] = "\033[27m";

/* These tell that something is missing. */
static const char *const alarms[] = { "lost", "truncated", "refused" };

static void
put(struct log_printer *p, const char *text, size_t size)
{
	buffer_add(&p->out, text, size);
}

static void
put_colour(struct log_printer *p, const char *colour)
{
	if (p->has_colour)
		put(p, colour, strlen(colour));
}

/* Whether text is what escape() writes, so that a terminal may have it. */
static bool
is_escaped(const char *text, size_t size)
{
	struct buffer bytes = { 0 }, again = { 0 };
	size_t bad_offset, capacity = ESCAPE_GROWTH * size;
	unsigned char *space =
		(unsigned char *)buffer_reserve(&bytes, size + 1);
	long length = unescape(space, text, size, &bad_offset);
	size_t done = length > 0 ? (size_t)length : 0;

	again.size = escape(buffer_reserve(&again, capacity + 1), capacity,
			    space, &done);
	bad_offset = length < 0 || again.size != size ||
		     memcmp(again.data, text, size) != 0;
	buffer_free(&bytes);
	buffer_free(&again);
	return bad_offset == 0;
}

/* Part of a line, which is escaped unless another program wrote the file. */
static void
put_safe(struct log_printer *p, const char *text, size_t size)
{
	if (p->is_terminal && !is_escaped(text, size))
		log_view_add_escaped(&p->out, text, size);
	else
		put(p, text, size);
}

/* The first part of text that is to be marked.  false: there is none. */
static bool
find_mark(const struct log_printer *p, const char *text, size_t size,
	  size_t *begin, size_t *length)
{
	bool is_found = false;

	for (size_t i = 0; i < p->highlight->count; i++) {
		const struct log_rule *rule = &p->highlight->rules[i];
		size_t at, n;

		if (rule->is_negated ||
		    !log_rule_find(rule, text, size, &at, &n) || n == 0 ||
		    (is_found && at >= *begin))
			continue;
		is_found = true;
		*begin = at;
		*length = n;
	}
	return is_found;
}

static void
put_data(struct log_printer *p, const char *text, size_t size)
{
	size_t begin, length;

	while (p->has_colour && find_mark(p, text, size, &begin, &length)) {
		put_safe(p, text, begin);
		put_colour(p, reverse);
		put_safe(p, text + begin, length);
		put_colour(p, no_reverse);
		text += begin + length;
		size -= begin + length;
	}
	put_safe(p, text, size);
}

/* "2026-11-23T08:12:01.123456+01:00" of "2026-11-23T07:12:01.123456Z". */
static void
put_local(struct log_printer *p, const char *text)
{
	struct log_line line = { .time = text };
	struct timespec time;
	struct tm parts;
	char out[64];
	size_t size;

	if (!log_line_time(&line, &time)) {
		put_safe(p, text, LOG_VIEW_TIME);
		return;
	}
	localtime_r(&time.tv_sec, &parts);
	size = strftime(out, sizeof out, "%FT%T", &parts);
	put(p, out, size);
	put(p, text + 19, 7);
	size = strftime(out, sizeof out, "%z", &parts);
	put(p, out, size - 2);
	put(p, ":", 1);
	put(p, out + size - 2, 2);
}

static const char *
colour_of(const struct log_view *view)
{
	if (view->tag != TAG_NOTE)
		return view->tag == TAG_TRUNCATED ? red : reset;
	for (size_t i = 0; i < sizeof alarms / sizeof *alarms; i++) {
		size_t size = strlen(alarms[i]);

		if (view->size > size &&
		    memcmp(view->data, alarms[i], size) == 0 &&
		    view->data[size] == ' ')
			return red;
	}
	return yellow;
}

static void
put_columns(struct log_printer *p, const struct log_view *view)
{
	const char *listener = view->listener;
	const char tag[] = { ' ', (char)view->tag, ' ' };
	const char *end = view->peer + view->peer_size;

	put_colour(p, dim);
	if (p->is_local)
		put_local(p, view->text);
	else
		put(p, view->text, LOG_VIEW_TIME);
	put_colour(p, reset);
	put_colour(p, cyan);
	put(p, " ", 1);
	put_safe(p, listener, (size_t)(end - listener));
	put_colour(p, reset);
	put_colour(p, colour_of(view));
	put(p, tag, sizeof tag);
}

static void
print_line(struct log_printer *p, const struct log_view *view,
	   bool is_unfinished)
{
	static const char mark[] = " [unfinished]";

	if (!p->has_colour && !p->is_local && !p->is_terminal) {
		put(p, view->text, view->text_size);
	} else {
		if (!view->is_foreign)
			put_columns(p, view);
		put_data(p, view->data, view->size);
		put_colour(p, reset);
	}
	if (is_unfinished)
		put(p, mark, sizeof mark - 1);
	put(p, "\n", 1);
}

/* On a terminal, and where text is no escaped data, as it stands. */
static void
print_data(struct log_printer *p, const struct log_view *view)
{
	if (p->is_terminal) {
		put_data(p, view->data, view->size);
	} else {
		size_t bad_offset;
		long size;
		unsigned char *out = (unsigned char *)buffer_reserve(
			&p->out, view->size + 1);

		size = unescape(out, view->data, view->size, &bad_offset);
		if (size >= 0)
			p->out.size += (size_t)size;
		else
			put(p, view->data, view->size);
	}
	put(p, "\n", 1);
}

/* A column as a string. */
static char *
put_string(struct buffer *out, const char *text, size_t size)
{
	size_t begin = out->size;

	buffer_add(out, text, size);
	buffer_add(out, "", 1);
	return out->data + begin;
}

/* A line of text to JSON, as far as text tells. */
static void
put_json(struct log_printer *p, const struct log_view *view)
{
	struct buffer text = { 0 }, name = { 0 };
	struct log_line line;
	struct origin origin = { .protocol = PROTOCOL_NONE };
	struct record record = { .tag = TAG_NOTE };
	struct rendering rendering = { .format = FORMAT_JSON,
				       .records = &record,
				       .count = 1 };
	size_t capacity = FORMAT_BOUND(view->size), written = 0;

	put_string(&text, view->text, view->text_size);
	if (!log_line_parse_text(&line, text.data, view->text_size) &&
	    line.peer_size < sizeof origin.peer) {
		origin.listener =
			put_string(&name, line.listener, line.listener_size);
		memcpy(origin.peer, line.peer, line.peer_size);
		log_line_time(&line, &record.time);
		record.origin = &origin;
		record.data = (const unsigned char *)line.data;
		record.size = line.size;
		record.tag = line.tag;
		format_lines(&rendering, buffer_reserve(&p->out, capacity),
			     capacity, &written);
		p->out.size += written;
	}
	buffer_free(&text);
	buffer_free(&name);
}

static void
print_json(struct log_printer *p, const struct log_view *view)
{
	if (view->line[0] == '{') {
		put(p, view->line, view->line_size);
		put(p, "\n", 1);
	} else {
		put_json(p, view);
	}
}

void
log_print(struct log_printer *p, const struct log_view *view,
	  bool is_unfinished)
{
	bool has_place = !view->is_foreign && !is_unfinished;

	if (p->form == LOG_FORM_LINE)
		print_line(p, view, is_unfinished);
	else if (p->form == LOG_FORM_DATA && has_place)
		print_data(p, view);
	else if (has_place)
		print_json(p, view);
	if (p->out.size >= FLUSH_BYTES)
		log_print_flush(p);
}

void
log_print_flush(struct log_printer *p)
{
	program_write_out(&p->out);
}
