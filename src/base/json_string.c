/* SPDX-License-Identifier: MIT */
#include "base/json_string.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/utf8.h"

/* One character becomes at most \uXXXX twice; and a NUL. */
#define CHARACTER_BYTES 13

static size_t
put(char *out, const char *text)
{
	return (size_t)(stpcpy(out, text) - out);
}

/* Write \uXXXX, or two of these for a character beyond the basic plane. */
static size_t
put_code_point(char *out, uint32_t c)
{
	if (c < 0x10000)
		return (size_t)sprintf(out, "\\u%04x", c);
	c -= 0x10000;
	return (size_t)sprintf(out, "\\u%04x\\u%04x", 0xd800 + (c >> 10),
			       0xdc00 + (c & 0x3ff));
}

static size_t
put_character(char *out, uint32_t c, const unsigned char *data, size_t size)
{
	switch (c) {
	case '"':
		return put(out, "\\\"");
	case '\\':
		return put(out, "\\\\");
	case '\n':
		return put(out, "\\n");
	case '\r':
		return put(out, "\\r");
	case '\t':
		return put(out, "\\t");
	default:
		break;
	}
	if (!escape_is_harmless(c))
		return put_code_point(out, c);
	memcpy(out, data, size);
	return size;
}

/* Whether a byte stands in a string as it is.  Most bytes do. */
static bool
is_plain(unsigned char byte)
{
	return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

bool
json_string_put(char *out, size_t capacity, size_t *written,
		const unsigned char *data, size_t *size)
{
	size_t used = 0, i = 0, length = 1;

	while (i < *size) {
		char last[CHARACTER_BYTES];
		bool is_tight = capacity - used < sizeof last;
		uint32_t code_point;
		size_t n;

		if (is_plain(data[i]) && !is_tight) {
			out[used++] = (char)data[i++];
			continue;
		}
		length = utf8_decode(data + i, *size - i, &code_point);
		if (length == 0)
			break;
		n = put_character(is_tight ? last : out + used, code_point,
				  data + i, length);
		if (n > capacity - used)
			break;
		if (is_tight)
			memcpy(out + used, last, n);
		used += n;
		i += length;
	}
	*written = used;
	*size = i;
	return length > 0;
}
