/* SPDX-License-Identifier: MIT */
#include "config/scan.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/number.h"
#include "config/read_file.h"

/* As deep as libconfig lets files include each other. */
#define DEPTH 10

struct source {
	char *file;
	char *text; /* NULL: the caller's */
	const char *begin, *at, *end;
	unsigned line;
};

struct scan {
	struct reader *reader;
	struct source sources[DEPTH + 1];
	struct source *source; /* the innermost */
	/* The last name seen, and where. */
	char setting[64];
	char *setting_file;
	unsigned setting_line;
	bool good, in_array, after_comma, is_too_deep;
};

/* What is another thing to each libconfig, or what none must read. */
static void
refuse(struct scan *s, const char *text)
{
	errors_add(s->reader->errors, s->source->file, s->source->line, "%s",
		   text);
	s->good = false;
}

/* libconfig takes a NUL for the end of what it reads. */
static void
refuse_nul(struct scan *s, const struct source *source)
{
	size_t size = (size_t)(source->end - source->begin);
	const char *nul = memchr(source->begin, '\0', size);
	unsigned line = 1;

	if (!nul)
		return;
	for (const char *c = source->begin; c < nul; c++)
		line += *c == '\n';
	errors_add(s->reader->errors, source->file, line,
		   "found a NUL byte, expected text");
	s->good = false;
}

static void
begin(struct scan *s, char *file, const char *text, size_t size)
{
	*s->source = (struct source){ .file = file,
				      .begin = text,
				      .at = text,
				      .end = text + size,
				      .line = 1 };
	refuse_nul(s, s->source);
}

static void
end(struct scan *s)
{
	free(s->source->file);
	free(s->source->text);
}

/* Whether there is more text; libconfig goes on where an included file ends. */
static bool
more(struct scan *s)
{
	while (s->source->at == s->source->end && s->source > s->sources) {
		end(s);
		s->source--;
	}
	return s->source->at < s->source->end;
}

/* The character so far ahead in this file, 0 after its end. */
static int
peek(const struct scan *s, size_t ahead)
{
	const struct source *source = s->source;

	return (size_t)(source->end - source->at) > ahead
		     ? (unsigned char)source->at[ahead]
		     : 0;
}

static void
step(struct scan *s)
{
	s->source->line += *s->source->at++ == '\n';
}

/* Whether the text goes on with these words. */
static bool
sees(const struct scan *s, const char *words)
{
	size_t size = strlen(words);

	return (size_t)(s->source->end - s->source->at) >= size &&
	       memcmp(s->source->at, words, size) == 0;
}

/* libconfig 1.5 takes none that ends with an included file. */
static void
skip_line(struct scan *s)
{
	while (peek(s, 0) != 0 && peek(s, 0) != '\n')
		step(s);
	if (peek(s, 0) == 0 && s->source > s->sources)
		refuse(s, "found a comment without a newline behind it");
}

static void
skip_comment(struct scan *s)
{
	step(s);
	step(s);
	while (more(s) && !sees(s, "*/"))
		step(s);
	for (int i = 0; i < 2 && more(s); i++)
		step(s);
}

static void
add_value(struct scan *s, unsigned line, const char *text)
{
	errors_add_value(s->reader->errors, s->source->file, line,
			 &(struct error_setting){ s->setting, s->setting_file,
						  s->setting_line },
			 text);
}

/* A NUL, or one that libconfig 1.8 reads and others leave as it stands. */
static void
check_escape(struct scan *s)
{
	int next = peek(s, 1);
	char text[128];

	if (sees(s, "\\x00") || sees(s, "\\X00"))
		snprintf(text, sizeof text,
			 "%s: found an escaped NUL, expected text", s->setting);
	else if (next != 0 && strchr("abv", next))
		snprintf(text, sizeof text,
			 "%s: found a backslash before \"%c\", expected two "
			 "backslashes",
			 s->setting, next);
	else
		return;
	add_value(s, s->source->line, text);
}

static void
skip_string(struct scan *s)
{
	step(s);
	while (more(s) && peek(s, 0) != '"') {
		if (peek(s, 0) == '\\')
			check_escape(s);
		if (peek(s, 0) == '\\' && peek(s, 1) != 0)
			step(s);
		step(s);
	}
	if (more(s))
		step(s);
}

static bool
is_of_name(int c)
{
	return isalnum(c) || (c != 0 && strchr("_-*", c));
}

static void
take_name(struct scan *s)
{
	size_t size = 0;

	free(s->setting_file);
	s->setting_file = memory_copy(s->source->file);
	s->setting_line = s->source->line;
	for (; is_of_name(peek(s, 0)); step(s))
		if (size < sizeof s->setting - 1)
			s->setting[size++] = (char)peek(s, 0);
	s->setting[size] = '\0';
}

static void
refuse_number(struct scan *s, const struct number *number)
{
	char text[256];

	number_describe(number, s->setting, text, sizeof text);
	add_value(s, s->source->line, text);
}

static void
take_number(struct scan *s)
{
	struct source *source = s->source;
	struct number number;

	number_read(&number, source->at, (size_t)(source->end - source->at));
	if (!number_is_right(&number))
		refuse_number(s, &number);
	/* Another type in an array is where some versions end. */
	if (!number_is_readable(&number) ||
	    (s->in_array && !number_is_right(&number)))
		s->good = false;
	source->at += number.size;
}

/* Go on in the file of that name, and then behind its name here. */
static void
include(struct scan *s, unsigned line, const char *name)
{
	char *file, *text;
	size_t size;

	/* To libconfig 1.5 it is one as any other, to others it is not. */
	if (*name == '/') {
		refuse(s, "@include: found an absolute path, expected a "
			  "relative one");
		return;
	}
	file = reader_include(s->reader, name);
	text = config_file_read(file, &size);
	if (!text) {
		errors_add(s->reader->errors, s->source->file, line,
			   "@include: found \"%s\", which cannot be read: %s",
			   name, strerror(errno));
		s->good = false;
		free(file);
		return;
	}
	s->source++;
	begin(s, file, text, size);
	s->source->text = text;
}

/* It is one at the beginning of a line only. */
static bool
sees_include(const struct scan *s)
{
	const char *before = s->source->at;

	while (before > s->source->begin &&
	       (before[-1] == ' ' || before[-1] == '\t'))
		before--;
	return sees(s, "@include") &&
	       (before == s->source->begin || before[-1] == '\n');
}

static void
take_include(struct scan *s)
{
	unsigned line = s->source->line;
	char name[PATH_MAX];
	size_t size = 0;

	for (size_t i = strlen("@include"); i > 0; i--)
		step(s);
	while (peek(s, 0) == ' ' || peek(s, 0) == '\t')
		step(s);
	if (peek(s, 0) != '"')
		return;
	step(s);
	for (; peek(s, 0) != 0 && peek(s, 0) != '"'; step(s)) {
		if (sees(s, "\\\\") || sees(s, "\\\""))
			step(s);
		if (size < sizeof name - 1)
			name[size++] = (char)peek(s, 0);
	}
	name[size] = '\0';
	if (peek(s, 0) != '"')
		return;
	step(s);
	if (s->source < s->sources + DEPTH) {
		include(s, line, name);
		return;
	}
	refuse(s, "@include: found files nested too deep");
	s->is_too_deep = true;
}

/* libconfig 1.5 has no comma before the end of a list, others have. */
static void
take_mark(struct scan *s)
{
	int c = peek(s, 0);

	if ((c == ')' || c == ']') && s->after_comma)
		refuse(s, "found a comma before the end of a list, expected a "
			  "value");
	if (c == '\v')
		refuse(s, "found a vertical tab, expected a space");
	s->in_array = c == '[' || (s->in_array && c != ']');
	step(s);
}

static void
take(struct scan *s)
{
	int c = peek(s, 0), next = peek(s, 1);
	bool sign = c == '-' || c == '+';
	bool is_value = !isspace(c) && !strchr("#/@", c);

	if (c == '"')
		skip_string(s);
	else if (c == '#' || (c == '/' && next == '/'))
		skip_line(s);
	else if (c == '/' && next == '*')
		skip_comment(s);
	else if (isalpha(c) || c == '*')
		take_name(s);
	else if (isdigit(c) || c == '.' ||
		 (sign && (isdigit(next) || next == '.')))
		take_number(s);
	else if (sees_include(s))
		take_include(s);
	else
		take_mark(s);
	if (is_value)
		s->after_comma = c == ',';
}

bool
config_scan(struct reader *reader, const char *text, size_t size)
{
	struct scan s = { .reader = reader,
			  .source = s.sources,
			  .setting_file = memory_copy(reader->path),
			  .good = true };

	begin(&s, memory_copy(reader->path), text, size);
	/* Too deep is for libconfig to tell, which stops there. */
	while (!s.is_too_deep && more(&s))
		take(&s);
	for (; s.source > s.sources; s.source--)
		end(&s);
	end(&s);
	free(s.setting_file);
	return s.good;
}
