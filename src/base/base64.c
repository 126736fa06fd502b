/* SPDX-License-Identifier: MIT */
#include "base/base64.h"

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz0123456789+/";

static void
put_four(char *out, uint32_t bits)
{
	out[0] = digits[bits >> 18];
	out[1] = digits[bits >> 12 & 63];
	out[2] = digits[bits >> 6 & 63];
	out[3] = digits[bits & 63];
}

/* Six bytes, the first ones of eight, as eight numbers of six bits. */
static uint64_t
spread(const unsigned char *data)
{
	uint64_t bits;

	memcpy(&bits, data, sizeof bits);
	bits = be64toh(bits) >> 16;
	bits = (bits & 0xffffff000000) << 8 | (bits & 0xffffff);
	bits = (bits & 0x00fff00000fff000) << 4 | (bits & 0x00000fff00000fff);
	bits = (bits & 0x0fc00fc00fc00fc0) << 2 | (bits & 0x003f003f003f003f);
	return htobe64(bits);
}

/*
 * Twelve bytes, the first ones of BLOCK_READ, as sixteen digits: that takes
 * half as long as one digit after another.
 */
#define BLOCK_READ 14
static void
put_block(char *out, const unsigned char *data)
{
	typedef uint64_t pair __attribute__((vector_size(16)));
	typedef unsigned char block __attribute__((vector_size(16)));
	const block n = (block)(pair){ spread(data), spread(data + 6) };
	block text = n + 'A';

	text += (block)(n > 25) & ('a' - 'Z' - 1);
	text -= (block)(n > 51) & ('z' + 1 - '0');
	text -= (block)(n > 61) & ('9' + 1 - '+');
	text += (block)(n > 62) & ('/' - '+' - 1);
	memcpy(out, &text, sizeof text);
}

size_t
base64_encode(char *out, const unsigned char *data, size_t size)
{
	const unsigned char *end;
	char *begin = out;

	for (; size >= BLOCK_READ; data += 12, size -= 12, out += 16)
		put_block(out, data);
	end = data + size / 3 * 3;
	for (; data < end; data += 3, out += 4)
		put_four(out, (uint32_t)data[0] << 16 | (uint32_t)data[1] << 8 |
				      data[2]);
	size %= 3;
	if (size > 0) {
		put_four(out, (uint32_t)data[0] << 16 |
				      (size == 2 ? (uint32_t)data[1] << 8 : 0));
		memset(out + 1 + size, '=', 3 - size);
		out += 4;
	}
	return (size_t)(out - begin);
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
