/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"

#include <stdbool.h>

/*
 * The length of the character that a first byte begins (RFC 3629, section 4),
 * 0 if it begins none, and the range of its second byte.  That range alone
 * excludes overlong forms, surrogates and code points beyond U+10FFFF.
 */
static size_t
announced_length(unsigned char first, unsigned char *low, unsigned char *high)
{
	*low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
	*high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
	if (first < 0x80)
		return 1;
	if (first < 0xc2)
		return 0;
	if (first < 0xe0)
		return 2;
	if (first < 0xf0)
		return 3;
	return first < 0xf5 ? 4 : 0;
}

/* Whether data is one character or the beginning of one, and nothing more. */
static bool
begins_character(const unsigned char *data, size_t size, size_t *length)
{
	unsigned char low, high;

	*length = announced_length(data[0], &low, &high);
	if (*length == 0 || size > *length)
		return false;
	if (size > 1 && (data[1] < low || data[1] > high))
		return false;
	for (size_t i = 2; i < size; i++)
		if ((data[i] & 0xc0) != 0x80)
			return false;
	return true;
}

size_t
utf8_decode(const unsigned char *data, size_t size, uint32_t *code_point)
{
	unsigned char low, high;
	size_t length;
	uint32_t c;

	if (size == 0)
		return 0;
	length = announced_length(data[0], &low, &high);
	if (length == 0 || length > size)
		return 0;
	/* The first byte of n > 1 bytes carries 7 - n bits. */
	c = length == 1 ? data[0] : data[0] & (0x7fU >> length);
	for (size_t i = 1; i < length; i++) {
		if (data[i] < low || data[i] > high)
			return 0;
		c = c << 6 | (data[i] & 0x3f);
		low = 0x80; /* of all bytes but the second */
		high = 0xbf;
	}
	*code_point = c;
	return length;
}

size_t
utf8_cut(const unsigned char *data, size_t size)
{
	for (size_t tail = 1; tail <= 3 && tail < size; tail++) {
		size_t length;

		if ((data[size - tail] & 0xc0) == 0x80)
			continue;
		if (begins_character(data + size - tail, tail, &length) &&
		    length > tail)
			return size - tail;
		break;
	}
	return size;
}
