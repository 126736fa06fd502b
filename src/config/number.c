/* SPDX-License-Identifier: MIT */
#include "config/number.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/options.h"

#define DIGITS "0123456789"
#define HEXADECIMAL_DIGITS DIGITS "abcdefABCDEF"

/* How much of a long number is shown: its end. */
#define SHOWN 60

static bool
is_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c);
}

bool
number_begins(const char *text)
{
	text += is_of(*text, "+-");
	return is_of(*text, DIGITS ".");
}

/* The size of a fraction, of an exponent or of both; 0 for an integer. */
static size_t
fraction_size(const char *text)
{
	size_t size = 0, digits, mark;

	if (*text == '.')
		size = 1 + strspn(text + 1, DIGITS);
	if (!is_of(text[size], "eE"))
		return size;
	mark = is_of(text[size + 1], "+-") ? 2 : 1;
	digits = strspn(text + size + mark, DIGITS);
	return digits > 0 ? size + mark + digits : size;
}

/* A number with a letter after its first 0, or else a decimal one. */
static void
read_digits(struct number *n)
{
	const char *text = n->text;
	size_t fraction;

	if (*text == '0' && is_of(text[1], "xX") &&
	    is_of(text[2], HEXADECIMAL_DIGITS)) {
		n->base = 16;
		n->size = 2 + strspn(text + 2, HEXADECIMAL_DIGITS);
	} else if (*text == '0' && is_of(text[1], "bBoOqQ") &&
		   is_of(text[2], DIGITS)) {
		n->base = 2;
		n->size = 2 + strspn(text + 2, DIGITS);
	} else {
		n->size = is_of(*text, "+-");
		n->size += strspn(text + n->size, DIGITS);
		fraction = fraction_size(text + n->size);
		n->base = fraction > 0 ? 0 : 10;
		n->size += fraction;
	}
}

void
number_read(struct number *n, const char *text)
{
	n->text = text;
	read_digits(n);
	for (int i = 0; i < 2 && n->base > 0 && text[n->size] == 'L'; i++)
		n->size++;
}

/* No setting takes more, with L or without. */
static bool
fits(const struct number *n, long long *value)
{
	errno = 0;
	*value = strtoll(n->text, NULL, n->base);
	return errno == 0 && *value >= INT32_MIN && *value <= INT32_MAX;
}

/* libconfig 1.7 takes it for octal, 1.5 and 1.8 do not. */
static bool
has_leading_zero(const struct number *n)
{
	const char *first = n->text + is_of(*n->text, "+-");

	return n->base == 10 && *first == '0' && is_of(first[1], DIGITS);
}

bool
number_is_right(const struct number *n)
{
	long long value;

	return n->base == 0 ||
	       (n->base != 2 && fits(n, &value) && !has_leading_zero(n));
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

/* What would have been right in its place. */
static void
expect(const struct number *n, const char *setting, char out[100])
{
	const struct option *option = find_integer(setting);
	long long value;

	if (n->base == 2)
		snprintf(out, 100, "a decimal or hexadecimal integer");
	else if (fits(n, &value))
		snprintf(out, 100, "it without the leading zero: write %lld",
			 value);
	else
		snprintf(out, 100, "an integer from %lld to %lld",
			 option ? (long long)option->min : INT32_MIN,
			 option ? (long long)option->max : INT32_MAX);
}

void
number_describe(const struct number *n, const char *setting, char *out,
		size_t size)
{
	size_t hidden = n->size > SHOWN ? n->size - SHOWN : 0;
	char expected[100];

	expect(n, setting, expected);
	snprintf(out, size, "found %s%.*s, expected %s", hidden ? "..." : "",
		 (int)(n->size - hidden), n->text + hidden, expected);
}
