/* SPDX-License-Identifier: MIT */
#include "config/scan.h"

#include <ctype.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/number.h"
#include "config/read_file.h"

/* How deep files may include each other, as in libconfig. */
#define DEPTH 10

#define INCLUDE "@include"
#define SPACES " \t\r\n\f"
#define OF_NAMES                                                               \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_*"

struct source {
	struct source *next;     /* of all files */
	struct source *includer; /* NULL: this is the main file */
	unsigned depth, line;
	char *path, *text;
	const char *at;
};

struct scan {
	struct tokens *tokens;
	struct errors *errors;
	struct source *source; /* the file being read; NULL: all are */
	size_t name;           /* the token that names the setting, or 0 */
	char setting[64];      /* its text */
	bool good;
};

/* An error that leaves nothing to give to libconfig. */
static void
refuse(struct scan *s, const char *text)
{
	errors_add(s->errors, s->source->path, s->source->line, "%s", text);
	s->good = false;
}

/* An error of a value: libconfig is given all, and its setting is marked. */
static void
refuse_value(struct scan *s, const char *text)
{
	errors_add(s->errors, s->source->path, s->source->line, "%s: %s",
		   s->setting, text);
	s->tokens->list[s->name].is_reported = true;
	s->good = s->good && s->name > 0;
}

static void
add(struct scan *s, const char *text, size_t size)
{
	struct tokens *t = s->tokens;

	t->list = memory_grow(t->list, t->count + 1, sizeof *t->list);
	t->list[t->count++] = (struct token){
		.text = text,
		.size = size,
		.file = s->source->path,
		.line = s->source->line,
	};
}

/* The next size bytes are a token. */
static void
take(struct scan *s, size_t size)
{
	add(s, s->source->at, size);
	s->source->at += size;
}

static void
skip(struct scan *s, size_t size)
{
	for (; size > 0; size--)
		s->source->line += *s->source->at++ == '\n';
}

/* A NUL would end the text: report the first one, and go on behind it. */
static void
check_nul(struct scan *s, char *text, size_t size)
{
	bool found = false;

	for (char *c = text; c < text + size; c++) {
		if (*c == '\0' && !found)
			refuse(s, "found a NUL byte, expected text");
		found = found || *c == '\0';
		s->source->line += *c == '\n';
		if (*c == '\0')
			*c = ' ';
	}
	s->source->line = 1;
}

/* Go on in this file; text is followed by a NUL. */
static void
begin(struct scan *s, char *path, char *text, size_t size)
{
	struct source *source = memory_zeroed(1, sizeof *source);

	*source = (struct source){
		.next = s->tokens->sources,
		.includer = s->source,
		.depth = s->source ? s->source->depth + 1 : 0,
		.line = 1,
		.path = path,
		.text = text,
		.at = text,
	};
	s->tokens->sources = source;
	s->source = source;
	check_nul(s, text, size);
}

static void
skip_line(struct scan *s)
{
	skip(s, strcspn(s->source->at, "\n"));
	if (*s->source->at == '\0' && s->source->includer)
		refuse(s, "found a comment without a newline behind it");
}

static void
skip_comment(struct scan *s)
{
	const char *at = s->source->at, *end = strstr(at + 2, "*/");

	if (!end)
		refuse(s, "found a comment without an end, expected \"*/\"");
	skip(s, end ? (size_t)(end + 2 - at) : strlen(at));
}

/* At is behind a backslash. */
static void
check_escape(struct scan *s, const char *at)
{
	char text[80];

	if (strncasecmp(at, "x00", 3) == 0)
		refuse_value(s, "found an escaped NUL, expected text");
	if (!strchr("abv", *at))
		return;
	snprintf(text, sizeof text,
		 "found a backslash before \"%c\", expected two backslashes",
		 *at);
	refuse_value(s, text);
}

static void
take_string(struct scan *s)
{
	const char *at = s->source->at;
	size_t size = 1;

	for (; !strchr("\"\n", at[size]); size++) {
		if (at[size] != '\\' || strchr("\n", at[size + 1]))
			continue;
		check_escape(s, at + ++size);
	}
	if (at[size] == '"') {
		take(s, size + 1);
		return;
	}
	refuse(s, "found a string without an end, expected a quotation mark "
		  "on the same line");
	skip(s, size);
}

static void
take_number(struct scan *s)
{
	char text[200];
	struct number number;

	number_read(&number, s->source->at);
	if (number_is_right(&number)) {
		take(s, number.size);
		return;
	}
	number_describe(&number, s->setting, text, sizeof text);
	refuse_value(s, text);
	add(s, "0", 1);
	skip(s, number.size);
}

/* What follows is the value of the setting that this token names. */
static void
set_name(struct scan *s, size_t token)
{
	const struct token *name = &s->tokens->list[token];
	size_t size = name->size;

	if (size >= sizeof s->setting)
		size = sizeof s->setting - 1;
	s->name = token;
	memcpy(s->setting, name->text, size);
	s->setting[size] = '\0';
}

static void
take_mark(struct scan *s)
{
	const struct token *last = &s->tokens->list[s->tokens->count - 1];
	char c = *s->source->at;

	if (c == '=' || c == ':')
		set_name(s, s->tokens->count - 1);
	else if (c == '}')
		set_name(s, 0);
	/* libconfig 1.5 knows none of these, others do. */
	else if ((c == ')' || c == ']') && *last->text == ',')
		refuse(s, "found a comma before the end of a list, expected a "
			  "value");
	else if (c == '\v')
		refuse(s, "found a vertical tab, expected a space");
	take(s, 1);
}

/* The path of a file that stands beside the main one. */
static char *
beside_main(const struct scan *s, const char *name, size_t size)
{
	char *copy = memory_copy(s->tokens->list[0].file), *path;

	if (asprintf(&path, "%s/%.*s", dirname(copy), (int)size, name) < 0)
		memory_missing();
	free(copy);
	return path;
}

static void
include(struct scan *s, const char *name, size_t name_size)
{
	char *path, *text;
	size_t size;

	path = beside_main(s, name, name_size);
	text = config_file_read(path, &size);
	if (text) {
		begin(s, path, text, size);
		return;
	}
	errors_add(s->errors, s->source->path, s->source->line,
		   "@include: found \"%.*s\", which cannot be read: %s",
		   (int)name_size, name, strerror(errno));
	s->good = false;
	free(path);
}

static void
take_include(struct scan *s)
{
	const char *name = s->source->at + strlen(INCLUDE);
	size_t size;

	name += strspn(name, " \t");
	size = *name == '"' ? strcspn(++name, "\"\n") : 0;
	s->source->at = name + size;
	if (name[size] != '"' || size == 0 || size > PATH_MAX) {
		refuse(s, "@include: expected the name of a file in quotation "
			  "marks");
		return;
	}
	s->source->at++;
	if (*name == '/') {
		refuse(s, "@include: found an absolute path, expected a "
			  "relative one");
	} else if (s->source->depth < DEPTH) {
		include(s, name, size);
	} else {
		refuse(s, "@include: found files nested too deep");
		s->source = NULL;
	}
}

static void
take_one(struct scan *s)
{
	const char *at = s->source->at;

	if (strchr(SPACES, *at))
		skip(s, 1);
	else if (*at == '#' || strncmp(at, "//", 2) == 0)
		skip_line(s);
	else if (strncmp(at, "/*", 2) == 0)
		skip_comment(s);
	else if (*at == '"')
		take_string(s);
	else if (strncmp(at, INCLUDE, strlen(INCLUDE)) == 0)
		take_include(s);
	else if (number_begins(at))
		take_number(s);
	else if (isalpha((unsigned char)*at) || *at == '*')
		take(s, strspn(at, OF_NAMES));
	else
		take_mark(s);
}

bool
config_scan(struct tokens *tokens, const char *path, const char *text,
	    size_t size, struct errors *errors)
{
	struct scan s = { .tokens = tokens, .errors = errors, .good = true };
	char *copy = memory_zeroed(size + 1, 1);

	*tokens = (struct tokens){ 0 };
	memcpy(copy, text, size);
	begin(&s, memory_copy(path), copy, size);
	add(&s, "value", strlen("value"));
	set_name(&s, 0);
	while (s.source) {
		if (*s.source->at != '\0') {
			take_one(&s);
			continue;
		}
		if (!s.source->includer)
			add(&s, "", 0);
		s.source = s.source->includer;
	}
	return s.good;
}

char *
tokens_text(const struct tokens *tokens)
{
	size_t size = 1;
	char *text, *at;

	for (size_t i = 1; i < tokens->count; i++)
		size += tokens->list[i].size + 1;
	at = text = memory_zeroed(size, 1);
	for (size_t i = 1; i < tokens->count; i++) {
		const struct token *token = &tokens->list[i];

		memcpy(at, token->text, token->size);
		at += token->size;
		*at++ = '\n';
	}
	return text;
}

void
tokens_free(struct tokens *tokens)
{
	struct source *source = tokens->sources, *next;

	for (; source; source = next) {
		next = source->next;
		free(source->path);
		free(source->text);
		free(source);
	}
	free(tokens->list);
	*tokens = (struct tokens){ 0 };
}
