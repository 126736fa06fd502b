/* SPDX-License-Identifier: MIT */
#include "config/scan.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/number.h"
#include "config/read_file.h"

/* How deep files may include each other, as in libconfig. */
#define DEPTH 10

#define BYTE_ORDER_MARK "\xef\xbb\xbf"
#define INCLUDE "@include"
#define SPACES " \t\r\n\f"
#define OF_NAMES                                                               \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_*"

struct source {
	const char *file;
	const char *at; /* what comes next; a NUL is the end */
	unsigned line;
};

struct scan {
	struct scanned *out;
	struct errors *errors;
	struct source *source; /* the file that is being read */
	unsigned depth;        /* how many files include it */
	size_t setting;        /* the token that names the present one, or 0 */
	char name[64];         /* of the present setting */
	char word[64];         /* the last word: a name, if "=" follows */
	bool good, is_too_deep;
};

/* An error that keeps the text from libconfig. */
static void
refuse(struct scan *s, const char *text)
{
	errors_add(s->errors, s->source->file, s->source->line, "%s", text);
	s->good = false;
}

/* An error in the value of the present setting; libconfig reads the others. */
static void
refuse_value(struct scan *s, const char *text)
{
	errors_add(s->errors, s->source->file, s->source->line, "%s: %s",
		   s->name, text);
	s->out->tokens[s->setting].is_reported = true;
	s->good = s->good && s->setting > 0;
}

/* The next token, which stands here. */
static void
add(struct scan *s, const char *text, size_t size)
{
	struct scanned *out = s->out;
	size_t offset = out->text.size;

	buffer_add(&out->text, text, size);
	buffer_add(&out->text, "\n", 1);
	out->tokens =
		memory_append(out->tokens, out->count, sizeof *out->tokens);
	out->tokens[out->count++] = (struct token){
		.file = s->source->file,
		.line = s->source->line,
		.first = *text,
		.offset = offset,
	};
}

static void
skip(struct scan *s, size_t size)
{
	for (; size > 0; size--)
		s->source->line += *s->source->at++ == '\n';
}

static void
take(struct scan *s, size_t size)
{
	add(s, s->source->at, size);
	skip(s, size);
}

static void
skip_comment(struct scan *s)
{
	const char *at = s->source->at, *end = strstr(at + 2, "*/");

	if (!end)
		refuse(s, "found a comment without an end, expected \"*/\"");
	skip(s, end ? (size_t)(end + 2 - at) : strlen(at));
}

/* At points behind a backslash. */
static void
check_escape(struct scan *s, const char *at)
{
	bool is_nul = strncasecmp(at, "x00", 3) == 0;
	char text[80];

	/* Behind two backslashes, our own escape of a delimiter. */
	if (is_nul && strcmp(s->name, "delimiter") != 0) {
		refuse_value(s, "found an escaped NUL, expected text");
		return;
	}
	if (!is_nul && !strchr("abv", *at))
		return;
	snprintf(text, sizeof text,
		 "found a backslash before \"%c\", expected two backslashes",
		 *at);
	refuse_value(s, text);
}

static void
take_string(struct scan *s)
{
	const char *at = s->source->at + 1;

	/* strchr() finds the NUL too. */
	for (; !strchr("\"\n", *at); at++)
		if (*at == '\\' && !strchr("\n", at[1]))
			check_escape(s, ++at);
	if (*at == '"') {
		take(s, (size_t)(at + 1 - s->source->at));
		return;
	}
	refuse(s, "found a string without an end, expected a quotation mark "
		  "on the same line");
	s->source->at = at;
}

/* libconfig gets 0 in place of a number that is an error. */
static void
take_number(struct scan *s)
{
	char wrong[200];
	size_t size = number_check(s->source->at, s->name, wrong);

	if (*wrong != '\0') {
		refuse_value(s, wrong);
		add(s, "0", 1);
		skip(s, size);
	} else {
		take(s, size);
	}
}

static void
take_name(struct scan *s)
{
	size_t size = strspn(s->source->at, OF_NAMES);

	snprintf(s->word, sizeof s->word, "%.*s", (int)size, s->source->at);
	take(s, size);
}

static void
set_setting(struct scan *s, size_t token, const char *name)
{
	s->setting = token;
	snprintf(s->name, sizeof s->name, "%s", name);
}

static void
take_mark(struct scan *s)
{
	size_t last = s->out->count - 1;
	char c = *s->source->at;

	if (c == '=' || c == ':')
		set_setting(s, last, s->word);
	else if (c == '}')
		set_setting(s, 0, "value");
	/* libconfig 1.5, 1.7 and 1.8 do not agree on these two. */
	else if ((c == ')' || c == ']') && s->out->tokens[last].first == ',')
		refuse(s, "found a comma before the end of a list, expected a "
			  "value behind it, or no comma");
	else if (c == '\v')
		refuse(s, "found a vertical tab, expected a space");
	take(s, 1);
}

static void
refuse_include(struct scan *s, const char *path, int error)
{
	errors_add(s->errors, s->source->file, s->source->line,
		   INCLUDE ": found \"%s\", which cannot be read: %s", path,
		   strerror(error));
	s->good = false;
}

/* Text[size] is a NUL. */
static void scan_file(struct scan *, const char *file, const char *text,
		      size_t size);

/* The path is kept for messages.  shown: it, as it was written. */
static void
include(struct scan *s, char *path, const char *shown)
{
	struct scanned *out = s->out;
	size_t size;
	char *text;

	out->files = memory_grow(out->files, out->file_count + 1,
				 sizeof *out->files);
	out->files[out->file_count++] = path;
	text = config_file_read(path, &size);
	if (!text) {
		refuse_include(s, shown, errno);
		return;
	}
	s->depth++;
	scan_file(s, path, text, size);
	s->depth--;
	free(text);
}

/* Why a directory cannot be read.  One that is not there has no files. */
static int glob_error;

static int
is_glob_error(const char *path, int error)
{
	(void)path;
	glob_error = error;
	return error != ENOENT;
}

/* In the order of their bytes, for the locale is "C". */
static void
include_matches(struct scan *s, const char *pattern, const char *shown)
{
	glob_t found = { 0 };
	int result = glob(pattern, 0, is_glob_error, &found);

	if (result == GLOB_NOSPACE)
		memory_missing();
	if (result == GLOB_ABORTED)
		refuse_include(s, shown, glob_error);
	for (size_t i = 0; i < found.gl_pathc && !s->is_too_deep; i++)
		include(s, memory_copy(found.gl_pathv[i]), found.gl_pathv[i]);
	globfree(&found);
}

/* The directory of the main file and a slash, for a pattern if is_pattern. */
static void
add_directory(const struct scan *s, struct buffer *path, bool is_pattern)
{
	const char *file = s->out->tokens[0].file;
	const char *slash = strrchr(file, '/');

	for (const char *at = file; slash && at <= slash; at++) {
		if (is_pattern && strchr("*?[\\", *at))
			buffer_add(path, "\\", 1);
		buffer_add(path, at, 1);
	}
}

/* The name of a file, or a pattern of such, beside the main file. */
static void
include_all(struct scan *s, const char *name)
{
	bool is_pattern = strpbrk(name, "*?[");
	struct buffer path = { 0 };

	if (*name != '/')
		add_directory(s, &path, is_pattern);
	buffer_add(&path, name, strlen(name) + 1);
	if (is_pattern)
		include_matches(s, path.data, name);
	else
		include(s, memory_copy(path.data), name);
	buffer_free(&path);
}

static void
take_include(struct scan *s)
{
	const char *begin = s->source->at + strlen(INCLUDE), *end;
	char *name;

	begin += strspn(begin, " \t");
	begin += *begin == '"';
	end = begin + strcspn(begin, "\"\n");
	s->source->at = end + (*end == '"');
	s->is_too_deep = s->depth == DEPTH;
	if (begin[-1] != '"' || *end != '"') {
		refuse(s, INCLUDE ": expected the name of a file in quotes");
		return;
	}
	if (s->is_too_deep) {
		refuse(s, INCLUDE ": found files nested too deep");
		return;
	}
	name = strndup(begin, (size_t)(end - begin));
	if (!name)
		memory_missing();
	include_all(s, name);
	free(name);
}

static void
take_one(struct scan *s)
{
	const char *at = s->source->at;

	if (strchr(SPACES, *at))
		skip(s, 1);
	else if (*at == '#' || strncmp(at, "//", 2) == 0)
		skip(s, strcspn(at, "\n"));
	else if (strncmp(at, "/*", 2) == 0)
		skip_comment(s);
	else if (*at == '"')
		take_string(s);
	else if (strncmp(at, INCLUDE, strlen(INCLUDE)) == 0)
		take_include(s);
	else if (number_begins(at))
		take_number(s);
	else if (isalpha((unsigned char)*at) || *at == '*')
		take_name(s);
	else
		take_mark(s);
}

static void
scan_file(struct scan *s, const char *file, const char *text, size_t size)
{
	struct source source = { .file = file, .at = text, .line = 1 };
	struct source *includer = s->source;
	const char *nul = memchr(text, '\0', size);

	s->source = &source;
	if (!includer)
		add(s, "", 0); /* tokens[0] */
	/* Some editors write it. */
	if (strncmp(text, BYTE_ORDER_MARK, 3) == 0)
		source.at += 3;
	if (nul) {
		skip(s, (size_t)(nul - source.at));
		refuse(s, "found a NUL byte, expected text");
	}
	while (!nul && *source.at != '\0' && !s->is_too_deep)
		take_one(s);
	s->source = includer;
}

bool
config_scan(struct scanned *out, const char *path, const char *text,
	    size_t size, struct errors *errors)
{
	struct scan s = { .out = out, .errors = errors, .good = true };

	*out = (struct scanned){ 0 };
	set_setting(&s, 0, "value");
	scan_file(&s, path, text, size);
	buffer_add(&out->text, "", 1);
	return s.good;
}

void
scanned_free(struct scanned *scanned)
{
	for (size_t i = 0; i < scanned->file_count; i++)
		free(scanned->files[i]);
	free(scanned->files);
	free(scanned->tokens);
	buffer_free(&scanned->text);
}
