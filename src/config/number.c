/* SPDX-License-Identifier: MIT */
#include "config/number.h"

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
	return is_of(*text, DIGITS) || (*text == '.' && is_of(text[1], DIGITS));
}

/* The size of 0, a letter and digits, or 0 if text begins with other things. */
static size_t
prefixed(const char *text, const char *letters, const char *digits)
{
	size_t size = *text == '0' && is_of(text[1], letters)
			    ? strspn(text + 2, digits)
			    : 0;

	return size > 0 ? 2 + size : 0;
}

/* Its size and its base: 2 for what libconfig 1.8 alone knows, 0: no integer.
 */
static size_t
number_size(const char *text, int *base)
{
	size_t hexadecimal = prefixed(text, "xX", HEXADECIMAL_DIGITS);
	size_t binary = prefixed(text, "bBoOqQ", DIGITS);
	size_t size = hexadecimal + binary;
	char *end;

	*base = binary > 0 ? 2 : 16;
	if (size == 0) {
		strtod(text, &end);
		size = (size_t)(end - text);
		*base = strcspn(text, ".eE") < size ? 0 : 10;
	}
	for (int i = 0; i < 2 && *base > 0 && text[size] == 'L'; i++)
		size++;
	return size;
}

/* libconfig 1.7 takes it for octal, 1.5 and 1.8 do not. */
static bool
has_leading_zero(const char *text)
{
	text += is_of(*text, "+-");
	return *text == '0' && is_of(text[1], DIGITS);
}

static const struct option *
find_option(const char *setting)
{
	const struct option *option =
		option_find(config_limits_options, setting);

	if (!option)
		option = option_find(config_listener_options, setting);
	return option ? option : option_find(config_output_options, setting);
}

/* What that setting may be instead of an integer that is too large. */
static void
expect_integer(const struct option *option, char out[80])
{
	if (option &&
	    (option->type == OPTION_INTEGER || option->type == OPTION_PORTS ||
	     option->type == OPTION_SPACE))
		snprintf(out, 80, "an integer from %u to %u", option->min,
			 option->max);
	else
		snprintf(out, 80, "another value");
}

size_t
number_check(const char *text, const char *setting, char wrong[200])
{
	const struct option *option = find_option(setting);
	char expected[80] = "a decimal or hexadecimal integer";
	int base;
	size_t size = number_size(text, &base);
	size_t hidden = size > SHOWN ? size - SHOWN : 0;
	long long value;

	*wrong = '\0';
	if (base == 0)
		return size;
	errno = 0;
	value = strtoll(text, NULL, base);
	if (errno != 0 || value < INT32_MIN || value > INT32_MAX)
		expect_integer(option, expected);
	else if (option && option->type == OPTION_MODE)
		snprintf(expected, sizeof expected,
			 "octal digits in quotes, such as \"0640\"");
	else if (base == 10 && has_leading_zero(text))
		snprintf(expected, sizeof expected,
			 "it without the leading zero: write %lld", value);
	else if (base != 2)
		return size;
	snprintf(wrong, 200, "found %s%.*s, expected %s", hidden ? "..." : "",
		 (int)(size - hidden), text + hidden, expected);
	return size;
}
