/* SPDX-License-Identifier: MIT */
#include "config_integers.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_options.h"

#define WORD_BYTES 64

struct scan {
	const char *file;
	const char *at, *end;
	unsigned line;
	struct faults *faults;
	char setting[WORD_BYTES]; /* the last name seen */
};

static int
peek(const struct scan *s, size_t ahead)
{
	return (size_t)(s->end - s->at) > ahead ? (unsigned char)s->at[ahead]
						: EOF;
}

static void
step(struct scan *s)
{
	s->line += *s->at++ == '\n';
}

/* On past everything up to and with the text that ends it. */
static void
skip_past(struct scan *s, const char *ending)
{
	size_t size = strlen(ending);

	while (s->at < s->end) {
		bool found = (size_t)(s->end - s->at) >= size &&
			     memcmp(s->at, ending, size) == 0;

		for (size_t n = found ? size : 1; n > 0; n--)
			step(s);
		if (found)
			return;
	}
}

static void
skip_string(struct scan *s)
{
	step(s);
	while (s->at < s->end && *s->at != '"') {
		if (*s->at == '\\' && s->end - s->at > 1)
			step(s);
		step(s);
	}
	if (s->at < s->end)
		step(s);
}

/* A word of the characters that names and numbers are made of. */
static void
take_word(struct scan *s, char word[WORD_BYTES])
{
	size_t size = 0;

	for (int c; (c = peek(s, 0)) != EOF; step(s)) {
		bool sign = strchr("eE", size > 0 ? word[size - 1] : ' ') &&
			    (c == '+' || c == '-');

		if (!isalnum(c) && !strchr("_.*-+", c))
			break;
		if ((c == '-' || c == '+') && size > 0 &&
		    isdigit((unsigned char)word[0]) && !sign)
			break;
		if (size < WORD_BYTES - 1)
			word[size++] = (char)c;
	}
	word[size] = '\0';
}

/* Whether word is an integer as libconfig's grammar has it. */
static bool
is_integer(const char *word, bool *is_hexadecimal, bool *is_long)
{
	size_t digits;

	word += *word == '-' || *word == '+';
	*is_hexadecimal = word[0] == '0' && (word[1] == 'x' || word[1] == 'X');
	word += *is_hexadecimal ? 2 : 0;
	digits = strspn(word, *is_hexadecimal ? "0123456789abcdefABCDEF"
					      : "0123456789");
	*is_long = word[digits] == 'L';
	return digits > 0 && word[digits + strspn(word + digits, "L")] == '\0';
}

static bool
fits(const char *word, bool is_hexadecimal, bool is_long)
{
	int base = is_hexadecimal ? 16 : 10;

	errno = 0;
	if (is_hexadecimal) {
		unsigned long long value = strtoull(word, NULL, base);

		return errno == 0 && (is_long || value <= INT32_MAX);
	}
	long long value = strtoll(word, NULL, base);

	return errno == 0 &&
	       (is_long || (value >= INT32_MIN && value <= INT32_MAX));
}

/* The range of a setting, if it is one of ours that has one. */
static const struct option *
find_integer(const char *name)
{
	const struct option *option = option_find(config_limits_options, name);

	if (!option)
		option = option_find(config_listener_options, name);
	return option && option->type == OPTION_INTEGER ? option : NULL;
}

static void
check_word(struct scan *s, unsigned line, const char *word)
{
	bool is_hexadecimal, is_long;
	const struct option *option;
	char text[256];

	if (!is_integer(word, &is_hexadecimal, &is_long)) {
		snprintf(s->setting, sizeof s->setting, "%s", word);
		return;
	}
	if (fits(word, is_hexadecimal, is_long))
		return;
	option = find_integer(s->setting);
	snprintf(text, sizeof text,
		 "%s: found %s, expected an integer from %ld to %ld",
		 s->setting, word, option ? option->least : INT32_MIN,
		 option ? option->most : INT32_MAX);
	faults_add_integer(s->faults, s->file, line, s->setting, text);
}

void
config_check_integers(const char *file, const char *text, size_t size,
		      struct faults *faults)
{
	struct scan s = {
		.file = file,
		.at = text,
		.end = text + size,
		.line = 1,
		.faults = faults,
	};

	while (s.at < s.end) {
		int c = peek(&s, 0), next = peek(&s, 1);
		char word[WORD_BYTES];
		unsigned line = s.line;

		if (c == '"') {
			skip_string(&s);
		} else if (c == '#' || (c == '/' && next == '/')) {
			skip_past(&s, "\n");
		} else if (c == '/' && next == '*') {
			skip_past(&s, "*/");
		} else if (isalnum(c) || (c && strchr("*_-+.", c))) {
			take_word(&s, word);
			check_word(&s, line, word);
		} else {
			step(&s);
		}
	}
}
