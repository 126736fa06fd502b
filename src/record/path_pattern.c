/* SPDX-License-Identifier: MIT */
#include "record/path_pattern.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* The most bytes of a value: a name, an address, digits; and a NUL. */
#define VALUE 128

#define SECONDS 3600 /* of the shortest time that a path can name */

enum variable {
	VARIABLE_PEER,
	VARIABLE_NAME,
	VARIABLE_LISTENER,
	VARIABLE_YEAR,
	VARIABLE_MONTH,
	VARIABLE_DAY,
	VARIABLE_HOUR,
	VARIABLE_PERCENT,
	VARIABLE_NONE,
};

static const struct {
	const char *text;
	unsigned part;
	size_t most; /* bytes of its value */
} variables[] = {
	[VARIABLE_PEER] = { "%{peer}", PATH_PATTERN_PEER, ADDRESS_TEXT },
	[VARIABLE_NAME] = { "%{name}", PATH_PATTERN_PEER, ADDRESS_TEXT },
	[VARIABLE_LISTENER] = { "%{listener}", PATH_PATTERN_LISTENER, 80 },
	[VARIABLE_YEAR] = { "%Y", PATH_PATTERN_TIME, 11 },
	[VARIABLE_MONTH] = { "%m", PATH_PATTERN_TIME, 2 },
	[VARIABLE_DAY] = { "%d", PATH_PATTERN_TIME, 2 },
	[VARIABLE_HOUR] = { "%H", PATH_PATTERN_TIME, 2 },
	[VARIABLE_PERCENT] = { "%%", 0, 1 },
};

/* The variable that text, which begins with "%", begins with. */
static enum variable
find_variable(const char *text)
{
	for (int i = 0; i < VARIABLE_NONE; i++)
		if (strncmp(text, variables[i].text,
			    strlen(variables[i].text)) == 0)
			return (enum variable)i;
	return VARIABLE_NONE;
}

bool
path_pattern_is(const char *path)
{
	return strchr(path, '%') != NULL;
}

/* Whether it is the name of no file, or that of a directory. */
static bool
is_no_file(const char *name)
{
	return !*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

const char *
path_pattern_expect(const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t all = 0, part = 0;

	if (is_no_file(slash ? slash + 1 : path))
		return "the path of a file";
	for (const char *c = path; *c;) {
		enum variable v = *c == '%' ? find_variable(c) : VARIABLE_NONE;
		size_t most = v == VARIABLE_NONE ? 1 : variables[v].most;

		if (*c == '%' && v == VARIABLE_NONE)
			return "only %{peer}, %{name}, %{listener}, %Y, %m, "
			       "%d, %H (UTC) and %% where it has a \"%\"";
		all += most;
		part = *c == '/' ? 0 : part + most;
		if (all > PATH_MAX - VALUE || part > NAME_MAX)
			return "a shorter path: no part of it may exceed 255 "
			       "bytes, with the longest values";
		c += v == VARIABLE_NONE ? 1 : strlen(variables[v].text);
	}
	return NULL;
}

unsigned
path_pattern_parts(const char *pattern)
{
	unsigned parts = 0;

	for (const char *c = pattern; (c = strchr(c, '%'));) {
		enum variable v = find_variable(c);

		if (v == VARIABLE_NONE)
			break;
		parts |= variables[v].part;
		c += strlen(variables[v].text);
	}
	return parts;
}

bool
path_pattern_is_same(unsigned parts, const struct record *a,
		     const struct record *b)
{
	if (parts & PATH_PATTERN_PEER && a->origin != b->origin)
		return false;
	if (parts & PATH_PATTERN_LISTENER &&
	    a->origin->listener != b->origin->listener)
		return false;
	return !(parts & PATH_PATTERN_TIME) ||
	       a->time.tv_sec / SECONDS == b->time.tv_sec / SECONDS;
}

static void
put_host(char value[VALUE], const char *peer)
{
	const char *host = peer, *port;
	size_t size = strlen(peer);

	if (strchr(peer, ':'))
		address_split(peer, &host, &size, &port);
	snprintf(value, VALUE, "%.*s", (int)size, host);
}

/* Let it be one part of a path, or a piece of one. */
static void
make_harmless(char *value)
{
	size_t dots = strspn(value, ".");

	if (!*value)
		snprintf(value, VALUE, "-");
	memset(value, '_', dots);
	for (; *value; value++)
		if (*value <= ' ' || *value > '~' || *value == '/')
			*value = '_';
}

static void
put_value(char value[VALUE], enum variable variable, const struct record *r)
{
	struct tm utc;

	gmtime_r(&r->time.tv_sec, &utc);
	switch (variable) {
	case VARIABLE_PEER:
		put_host(value, r->origin->peer);
		break;
	case VARIABLE_NAME:
		if (r->origin->name)
			snprintf(value, VALUE, "%.79s", r->origin->name);
		else
			put_host(value, r->origin->peer);
		break;
	case VARIABLE_LISTENER:
		snprintf(value, VALUE, "%.79s", r->origin->listener);
		break;
	case VARIABLE_YEAR:
		strftime(value, VALUE, "%Y", &utc);
		break;
	case VARIABLE_MONTH:
		strftime(value, VALUE, "%m", &utc);
		break;
	case VARIABLE_DAY:
		strftime(value, VALUE, "%d", &utc);
		break;
	case VARIABLE_HOUR:
		strftime(value, VALUE, "%H", &utc);
		break;
	case VARIABLE_PERCENT:
	case VARIABLE_NONE:
		snprintf(value, VALUE, "%%");
		break;
	}
	make_harmless(value);
}

void
path_pattern_expand(const char *pattern, const struct record *record,
		    char path[PATH_MAX])
{
	char *out = path, *end = path + PATH_MAX - VALUE;

	while (*pattern && out < end) {
		enum variable v = *pattern == '%' ? find_variable(pattern)
						  : VARIABLE_NONE;

		if (v == VARIABLE_NONE) {
			*out++ = *pattern++;
			continue;
		}
		put_value(out, v, record);
		out += strlen(out);
		pattern += strlen(variables[v].text);
	}
	*out = '\0';
}

/* A character that stands for itself. */
static char *
put_literal(char *out, char c)
{
	if (strchr("*?[\\", c))
		*out++ = '\\';
	*out++ = c;
	return out;
}

static const char *
glob_of(enum variable v)
{
	switch (v) {
	case VARIABLE_PERCENT:
		return "%";
	case VARIABLE_YEAR:
		return "[0-9][0-9][0-9][0-9]";
	case VARIABLE_MONTH:
	case VARIABLE_DAY:
	case VARIABLE_HOUR:
		return "[0-9][0-9]";
	case VARIABLE_PEER:
	case VARIABLE_NAME:
	case VARIABLE_LISTENER:
	case VARIABLE_NONE:
		break;
	}
	return "*";
}

void
path_pattern_to_glob(const char *pattern, char glob[PATH_PATTERN_GLOB])
{
	char *out = glob, *end = glob + PATH_PATTERN_GLOB - 32;

	while (*pattern && out < end) {
		enum variable v = *pattern == '%' ? find_variable(pattern)
						  : VARIABLE_NONE;

		if (v == VARIABLE_NONE) {
			out = put_literal(out, *pattern++);
			continue;
		}
		out = stpcpy(out, glob_of(v));
		pattern += strlen(variables[v].text);
	}
	*out = '\0';
}

size_t
path_pattern_directory(const char *path, char directory[PATH_MAX])
{
	size_t size = strcspn(path, "%");

	while (size > 0 && path[size - 1] != '/')
		size--;
	snprintf(directory, PATH_MAX, "%.*s", size ? (int)size : 1,
		 size ? path : ".");
	return size;
}
