/* SPDX-License-Identifier: MIT */
/* fuzz_utf8: decode and cut any bytes at every place. */
#include "base/utf8.h"

#include "fuzz.h"

static void
check_decode(const unsigned char *data, size_t size)
{
	uint32_t found = 0, expected = 0;
	size_t length = utf8_decode(data, size, &found);

	REQUIRE(length == fuzz_character(data, size, &expected));
	REQUIRE(length == 0 || found == expected);
}

static void
check_cut(const unsigned char *data, size_t size)
{
	size_t cut = utf8_cut(data, size);

	REQUIRE(cut <= size);
	REQUIRE(cut > 0 || size == 0);
	REQUIRE(size - cut <= 3);
	REQUIRE(cut == fuzz_cut(data, size));
}

/* No cut within a character's bytes splits it. */
static void
check_span(const unsigned char *data, size_t start, size_t length)
{
	for (size_t at = start + 1; at < start + length; at++)
		REQUIRE(utf8_cut(data, at) == (start > 0 ? start : at));
}

int
fuzz_utf8(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i <= size; i++) {
		/* A copy: a sanitizer sees any read before or after it. */
		size_t window = size - i < 8 ? size - i : 8;
		unsigned char *copy = fuzz_copy(data + i, window);
		uint32_t code_point;

		for (size_t n = 0; n <= window; n++) {
			check_decode(copy + window - n, n);
			check_cut(copy + window - n, n);
		}
		free(copy);
		check_cut(data, i);
		check_span(data, i,
			   fuzz_character(data + i, size - i, &code_point));
	}
	return 0;
}
