/* SPDX-License-Identifier: MIT */
/*
 * plain: copy text that needs no escape.  Most data is such text, so sixteen
 * bytes are tested at once.  GCC compiles the vector to one register, or to two
 * of eight bytes.  Inline, so that what is plain is constant to the compiler.
 * Pure.
 */
#ifndef PORTLOG_BASE_PLAIN_H
#define PORTLOG_BASE_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A byte of printable ASCII, but for the backslash and one more. */
static inline bool
plain_is(unsigned char byte, unsigned char special)
{
	return byte >= 0x20 && byte < 0x7f && byte != '\\' && byte != special;
}

#define PLAIN_BLOCK 16
typedef unsigned char plain_block __attribute__((vector_size(PLAIN_BLOCK)));

/* Copy a block, plain or not; whether all of it is plain. */
static inline bool
plain_copy_block(char *out, const unsigned char *data, unsigned char special)
{
	uint64_t other[PLAIN_BLOCK / 8];
	plain_block bytes, mask;

	memcpy(&bytes, data, PLAIN_BLOCK);
	memcpy(out, &bytes, PLAIN_BLOCK);
	mask = (plain_block)(bytes - 0x20 > 0x7e - 0x20) |
	       (plain_block)(bytes == '\\') | (plain_block)(bytes == special);
	memcpy(other, &mask, PLAIN_BLOCK);
	return (other[0] | other[1]) == 0;
}

/*
 * Copy the plain bytes that data begins with, and return how many.  Both data
 * and out have size bytes; whole blocks may be copied past the plain ones.  A
 * special of '\\' is none.  With has_tab a TAB is plain too.
 */
static inline __attribute__((always_inline)) size_t
plain_copy(char *out, const unsigned char *data, size_t size,
	   unsigned char special, bool has_tab)
{
	size_t n = 0;

	for (;;) {
		while (size - n >= PLAIN_BLOCK &&
		       plain_copy_block(out + n, data + n, special))
			n += PLAIN_BLOCK;
		/* The last block may be copied twice, in part. */
		if (n > 0 && size - n < PLAIN_BLOCK &&
		    plain_copy_block(out + size - PLAIN_BLOCK,
				     data + size - PLAIN_BLOCK, special))
			return size;
		for (size_t end = n + PLAIN_BLOCK; n < end; n++) {
			if (n == size || !(plain_is(data[n], special) ||
					   (has_tab && data[n] == '\t')))
				return n;
			out[n] = (char)data[n];
		}
	}
}

#endif
