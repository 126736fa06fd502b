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
	digits = span(n, size, 2, HEXADECIMAL_DIGITS);
	n->is_hexadecimal =
		text[0] == '0' && span(n, size, 1, "xX") > 0 && digits > 0;
	if (n->is_hexadecimal) {
		n->size = 2 + digits;
	} else {
		n->size = text[0] == '-' || text[0] == '+';
		n->size += span(n, size, n->size, DIGITS);
		read_fraction(n, size);
	}
	if (!n->is_integer || span(n, size, n->size, "L") == 0)
		return;
	n->is_long = true;
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

bool
number_fits(const struct number *n)
{
	char digits[24];
	long long value;

	if (!n->is_integer)
		return true;
	if (!significant(n, digits))
		return false;
	errno = 0;
	if (n->is_hexadecimal) {
		unsigned long long bits = strtoull(digits, NULL, 16);

		return errno == 0 && (n->is_long || bits <= INT32_MAX);
	}
	value = strtoll(digits, NULL, 10);
	return errno == 0 &&
	       (n->is_long || (value >= INT32_MIN && value <= INT32_MAX));
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

void
number_describe(const struct number *n, const char *setting, char *out,
		size_t room)
{
	const struct option *option = find_integer(setting);
	size_t left_out = n->size > SHOWN ? n->size - SHOWN : 0;

	snprintf(out, room,
		 "%s: found %s%.*s, expected an integer from %lld to %lld",
		 setting, left_out > 0 ? "..." : "", (int)(n->size - left_out),
		 n->text + left_out,
		 option ? (long long)option->min : INT32_MIN,
		 option ? (long long)option->max : INT32_MAX);
}
