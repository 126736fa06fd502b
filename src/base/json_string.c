/* SPDX-License-Identifier: MIT */
#include "base/json_string.h"

#include <stdint.h>
#include <string.h>

#include "base/escape.h"
#include "base/plain.h"
#include "base/utf8.h"

/* One character becomes at most \uXXXX twice. */
#define CHARACTER_BYTES 12

static size_t
put(char *out, const char *text)
{
	return (size_t)(stpcpy(out, text) - out);
}

static char *
put_unit(char *out, uint32_t unit)
{
	static const char hexadecimal[] = "0123456789abcdef";

	*out++ = '\\';
	*out++ = 'u';
	for (int shift = 12; shift >= 0; shift -= 4)
		*out++ = hexadecimal[unit >> shift & 15];
	return out;
}

/* Write \uXXXX, or two of these for a character beyond the basic plane. */
static size_t
put_code_point(char *out, uint32_t c)
{
	char *end = out;

	if (c >= 0x10000) {
		c -= 0x10000;
		end = put_unit(end, 0xd800 + (c >> 10));
		c = 0xdc00 + (c & 0x3ff);
	}
	return (size_t)(put_unit(end, c) - out);
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

/*
 * Write one character, unless it takes more than capacity.  Returns the bytes
 * written to out; 0: there is no room.
 */
static size_t
put_fitting(char *out, size_t capacity, uint32_t c, const unsigned char *data,
	    size_t size)
{
	char last[CHARACTER_BYTES];
	size_t n;

	if (capacity >= sizeof last)
		return put_character(out, c, data, size);
	n = put_character(last, c, data, size);
	if (n > capacity)
		return 0;
	memcpy(out, last, n);
	return n;
}

bool
json_string_put(char *out, size_t capacity, size_t *written,
		const unsigned char *data, size_t *size)
{
	size_t used = 0, i = 0, length = 1, n = 1;

	while (i < *size && n > 0) {
		size_t plain = *size - i;
		uint32_t code_point;

		if (plain > capacity - used)
			plain = capacity - used;
		/* After one character beyond ASCII there is mostly another. */
		if (data[i] < 0x80)
			plain = plain_copy(out + used, data + i, plain, '"',
					   false);
		else
			plain = 0;
		used += plain;
		i += plain;
		if (i == *size)
			break;
		length = utf8_decode(data + i, *size - i, &code_point);
		if (length == 0)
			break;
		n = put_fitting(out + used, capacity - used, code_point,
				data + i, length);
		used += n;
		i += n > 0 ? length : 0;
	}
	*written = used;
	*size = i;
	return length > 0;
}
