/* SPDX-License-Identifier: MIT */
#include "base/base64.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz0123456789+/";

size_t
base64_encode(char *out, const unsigned char *data, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < size; i += 3) {
		size_t left = size - i;
		uint32_t bits = (uint32_t)data[i] << 16;

		if (left > 1)
			bits |= (uint32_t)data[i + 1] << 8;
		if (left > 2)
			bits |= data[i + 2];
		out[used++] = digits[bits >> 18];
		out[used++] = digits[bits >> 12 & 63];
		out[used++] = left > 1 ? digits[bits >> 6 & 63] : '=';
		out[used++] = left > 2 ? digits[bits & 63] : '=';
	}
	return used;
}

/*
 * The 24 bits of four characters, the last of which, as many as padding, must
 * be "=".  -1: they are not base64.
 */
static long
decode_four(const char *text, size_t padding)
{
	long bits = 0;

	for (size_t i = 0; i < 4; i++) {
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;

		if (i >= 4 - padding)
			digit = text[i] == '=' ? digits : NULL;
		if (!digit)
			return -1;
		bits = bits << 6 | (digit - digits);
	}
	return bits;
}

long
base64_decode(unsigned char *out, const char *text, size_t size)
{
	size_t used = 0;

	if (size % 4 != 0)
		return -1;
	for (size_t i = 0; i < size; i += 4) {
		bool is_last = i + 4 == size;
		size_t padding = is_last ? (size_t)(text[i + 3] == '=') +
						   (size_t)(text[i + 2] == '=')
					 : 0;
		long bits = decode_four(text + i, padding);

		if (bits < 0)
			return -1;
		out[used++] = (unsigned char)(bits >> 16);
		if (padding < 2)
			out[used++] = (unsigned char)(bits >> 8);
		if (padding < 1)
			out[used++] = (unsigned char)bits;
	}
	return (long)used;
}
