/* SPDX-License-Identifier: MIT */
#include "config/number.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/options.h"

#define OCTAL_DIGITS "01234567"
#define DIGITS OCTAL_DIGITS "89"
#define HEXADECIMAL_DIGITS DIGITS "abcdefABCDEF"

/* What is shown of one with more digits than anybody can count: its end. */
#define SHOWN 60

/* How many bytes, from `from` on, are of a set. */
static size_t
span(const struct number *n, size_t room, size_t from, const char *set)
{
	size_t at = from;

	while (at < room && n->text[at] != '\0' && strchr(set, n->text[at]))
		at++;
	return at - from;
}

/* A fraction, an exponent or both: it is no integer. */
static void
read_fraction(struct number *n, size_t room)
{
	size_t mark, digits;

	if (span(n, room, n->size, ".") > 0) {
		n->is_integer = false;
		n->size += 1 + span(n, room, n->size + 1, DIGITS);
	}
	if (span(n, room, n->size, "eE") == 0)
		return;
	mark = span(n, room, n->size + 1, "+-") > 0 ? 2 : 1;
	digits = span(n, room, n->size + mark, DIGITS);
	if (digits == 0)
		return;
	n->is_integer = false;
	n->size += mark + digits;
}

void
number_read(struct number *n, const char *text, size_t size)
{
	size_t digits;

	*n = (struct number){ .text = text, .is_integer = true };
	n->is_dialect = text[0] == '0' && span(n, size, 1, "bBoOqQ") > 0 &&
			span(n, size, 2, DIGITS) > 0;
	digits = span(n, size, 2, HEXADECIMAL_DIGITS);
	n->is_hexadecimal =
		text[0] == '0' && span(n, size, 1, "xX") > 0 && digits > 0;
	if (n->is_hexadecimal) {
		n->size = 2 + digits;
	} else if (n->is_dialect) {
		n->size = 2 + span(n, size, 2, DIGITS);
	} else {
		n->size = text[0] == '-' || text[0] == '+';
		n->size += span(n, size, n->size, DIGITS);
		read_fraction(n, size);
	}
	if (!n->is_integer || span(n, size, n->size, "L") == 0)
		return;
	n->size += span(n, size, n->size, "L") > 1 ? 2 : 1;
}

/* Its sign and its digits but for zeros that lead; false if they are many. */
static bool
significant(const struct number *n, char out[24])
{
	bool sign = n->text[0] == '-' || n->text[0] == '+';
	size_t first = sign + (n->is_hexadecimal ? 2 : 0), digits;

	first += span(n, n->size, first, "0");
	digits = span(n, n->size, first, HEXADECIMAL_DIGITS);
	if (digits > 19)
		return false;
	out[0] = sign ? n->text[0] : '0';
	memcpy(out + 1, n->text + first, digits);
	out[1 + digits] = '\0';
	return true;
}

static bool
read_value(const struct number *n, long long *value)
{
	char digits[24];

	if (n->is_dialect || !significant(n, digits))
		return false;
	errno = 0;
	*value = strtoll(digits, NULL, n->is_hexadecimal ? 16 : 10);
	return errno == 0;
}

/* No setting of ours takes more, with L or without. */
static bool
fits(const struct number *n)
{
	long long value;

	return read_value(n, &value) && value >= INT32_MIN &&
	       value <= INT32_MAX;
}

/* libconfig 1.7 takes it for octal, 1.5 and 1.8 do not. */
static bool
has_leading_zero(const struct number *n)
{
	size_t first = n->text[0] == '-' || n->text[0] == '+';

	return !n->is_hexadecimal && span(n, n->size, first, "0") > 0 &&
	       span(n, n->size, first + 1, DIGITS) > 0;
}

bool
number_is_right(const struct number *n)
{
	return !n->is_integer || (fits(n) && !has_leading_zero(n));
}

bool
number_is_readable(const struct number *n)
{
	size_t first = n->text[0] == '-' || n->text[0] == '+';
	long long value;

	if (!n->is_integer)
		return true;
	return read_value(n, &value) &&
	       (!has_leading_zero(n) ||
		span(n, n->size, first, DIGITS) ==
			span(n, n->size, first, OCTAL_DIGITS));
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
	char digits[24];

	if (n->is_dialect) {
		snprintf(out, 100, "a decimal or hexadecimal integer");
		return;
	}
	if (!fits(n)) {
		snprintf(out, 100, "an integer from %lld to %lld",
			 option ? (long long)option->min : INT32_MIN,
			 option ? (long long)option->max : INT32_MAX);
		return;
	}
	significant(n, digits);
	snprintf(out, 100, "it without the leading zero: write %s",
		 digits[1] == '\0'  ? "0"
		 : digits[0] == '-' ? digits
				    : digits + 1);
}

void
number_describe(const struct number *n, const char *setting, char *out,
		size_t room)
{
	size_t left_out = n->size > SHOWN ? n->size - SHOWN : 0;
	char expected[100];

	expect(n, setting, expected);
	snprintf(out, room, "%s: found %s%.*s, expected %s", setting,
		 left_out > 0 ? "..." : "", (int)(n->size - left_out),
		 n->text + left_out, expected);
}
