/* SPDX-License-Identifier: MIT */
#include "client/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/escape.h"
#include "base/memory.h"
#include "base/program.h"

static const char *const words[REPORT_WORDS] = { "ok", "warn", "fail",
						 "unknown" };
static const char *const colours[REPORT_WORDS] = { "\x1b[32m", "\x1b[33m",
						   "\x1b[1;31m", "\x1b[36m" };

/* What stands in front of an advice, and as wide a word. */
#define INDENT "        "

static char *format_text(const char *, va_list)
	__attribute__((format(printf, 1, 0)));

static char *
format_text(const char *format, va_list arguments)
{
	char *text;

	if (vasprintf(&text, format, arguments) < 0)
		memory_missing();
	return text;
}

static void
add(struct buffer *out, const char *text)
{
	buffer_add(out, text, strlen(text));
}

static void
add_escaped(struct buffer *out, const char *text)
{
	size_t size = strlen(text);
	char *end = buffer_reserve(out, ESCAPE_GROWTH * size + 1);

	out->size += escape(end, ESCAPE_GROWTH * size,
			    (const unsigned char *)text, &size);
}

static void
add_line(struct buffer *out, const struct report *r)
{
	const struct report_line *line = &r->line;
	char word[sizeof INDENT];

	snprintf(word, sizeof word, "%-8s", words[line->word]);
	if (r->has_colour)
		add(out, colours[line->word]);
	add(out, word);
	if (r->has_colour)
		add(out, "\x1b[m");
	add_escaped(out, line->subject);
	add(out, ": ");
	add_escaped(out, line->seen);
	add(out, "\n");
	if (!line->advice)
		return;
	add(out, INDENT);
	add_escaped(out, line->advice);
	add(out, "\n");
}

/* Escaped it has no control characters but tabs. */
static void
add_member(struct buffer *out, const char *key, const char *text)
{
	struct buffer escaped = { 0 };

	add(out, key);
	add_escaped(&escaped, text);
	for (size_t i = 0; i < escaped.size; i++) {
		char c = escaped.data[i];

		if (c == '"' || c == '\\')
			add(out, "\\");
		buffer_add(out, c == '\t' ? " " : &c, 1);
	}
	add(out, "\"");
	buffer_free(&escaped);
}

static void
add_json(struct buffer *out, const struct report *r)
{
	const struct report_line *line = &r->line;

	add_member(out, "{\"check\":\"", r->check);
	add_member(out, ",\"subject\":\"", line->subject);
	add_member(out, ",\"result\":\"", words[line->word]);
	add_member(out, ",\"seen\":\"", line->seen);
	if (line->advice)
		add_member(out, ",\"advice\":\"", line->advice);
	add(out, "}\n");
}

static void
clear(struct report_line *line)
{
	free(line->subject);
	free(line->seen);
	free(line->advice);
	*line = (struct report_line){ 0 };
}

void
report_flush(struct report *r)
{
	struct buffer out = { 0 };

	if (!r->line.seen)
		return;
	(r->is_json ? add_json : add_line)(&out, r);
	if (!r->is_quiet)
		program_write_out(&out);
	buffer_free(&out);
	clear(&r->line);
}

void
report_say(struct report *r, enum report_word word, const char *subject,
	   const char *format, ...)
{
	va_list arguments;

	report_flush(r);
	va_start(arguments, format);
	r->line.seen = format_text(format, arguments);
	va_end(arguments);
	r->line.subject = memory_copy(subject);
	r->line.word = word;
	r->counts[word]++;
	if (!r->first[word] &&
	    asprintf(&r->first[word], "%s: %s", subject, r->line.seen) < 0)
		memory_missing();
}

void
report_advise(struct report *r, const char *format, ...)
{
	va_list arguments;

	free(r->line.advice);
	va_start(arguments, format);
	r->line.advice = format_text(format, arguments);
	va_end(arguments);
}

void
report_tell(struct report *r, const char *format, ...)
{
	struct buffer out = { 0 };
	va_list arguments;
	char *text;

	report_flush(r);
	va_start(arguments, format);
	text = format_text(format, arguments);
	va_end(arguments);
	add_escaped(&out, text);
	add(&out, "\n");
	if (!r->is_quiet && !r->is_json)
		program_write_out(&out);
	buffer_free(&out);
	free(text);
}

void
report_end(struct report *r, const char *cause)
{
	struct buffer out = { 0 };
	enum report_word word = r->counts[REPORT_FAIL] > 0 ? REPORT_FAIL
			      : r->counts[REPORT_WARN] > 0 ? REPORT_WARN
							   : REPORT_OK;

	report_flush(r);
	add_member(&out, "{\"end\":true,\"result\":\"", words[word]);
	if (cause)
		add_member(&out, ",\"cause\":\"", cause);
	add(&out, "}\n");
	if (r->is_json && !r->is_quiet)
		program_write_out(&out);
	buffer_free(&out);
}

void
report_free(struct report *r)
{
	clear(&r->line);
	for (size_t i = 0; i < REPORT_WORDS; i++)
		free(r->first[i]);
}
