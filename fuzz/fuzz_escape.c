/* SPDX-License-Identifier: MIT */
/*
 * fuzz_escape: escape any bytes to a line, at once and in parts, and unescape
 * it; also unescape any text.  The first byte is the size of a part.
 */
#include "base/escape.h"

#include "fuzz.h"

/* A character of four bytes, each as \xHH. */
#define LONGEST_ESCAPE 16

static size_t
expect_bytes(char *out, const unsigned char *data, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < size; i++) {
		if (data[i] == '\\')
			used += (size_t)sprintf(out + used, "\\\\");
		else if (data[i] == '\n')
			used += (size_t)sprintf(out + used, "\\n");
		else if (data[i] == '\r')
			used += (size_t)sprintf(out + used, "\\r");
		else
			used += (size_t)sprintf(out + used, "\\x%02x", data[i]);
	}
	return used;
}

/* The text that data must become, character by character. */
static size_t
expect(char *out, const unsigned char *data, size_t size)
{
	size_t used = 0;

	for (size_t i = 0, length; i < size; i += length) {
		uint32_t c;

		length = fuzz_character(data + i, size - i, &c);
		if (length > 0 && c != '\\' && fuzz_is_harmless(c)) {
			memcpy(out + used, data + i, length);
			used += length;
			continue;
		}
		length = length ? length : 1;
		used += expect_bytes(out + used, data + i, length);
	}
	return used;
}

static void
check_is_line(const char *text, size_t size)
{
	REQUIRE(fuzz_is_utf8(text, size));
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];

		REQUIRE((c >= 0x20 && c != 0x7f) || c == '\t');
	}
}

/* Escape in parts, each as long as the capacity allows. */
static void
check_parts(const unsigned char *data, size_t size, size_t capacity,
	    const char *whole, size_t whole_size)
{
	size_t read = 0, written = 0;

	while (read < size) {
		char *part = fuzz_memory(capacity);
		size_t taken = size - read;
		size_t length = escape(part, capacity, data + read, &taken);

		REQUIRE(taken <= size - read && length <= capacity);
		REQUIRE((taken == 0) == (length == 0));
		REQUIRE(taken == size - read || length > 0 ||
			capacity < LONGEST_ESCAPE);
		REQUIRE(length <= whole_size - written);
		REQUIRE(fuzz_same(part, length, whole + written, length));
		check_is_line(part, length);
		read += taken;
		written += length;
		free(part);
		/* Too small for this character: continue with enough. */
		if (taken == 0)
			capacity = LONGEST_ESCAPE;
	}
	REQUIRE(written == whole_size);
}

static void
check_escape(const unsigned char *data, size_t size, size_t capacity)
{
	char *out = fuzz_memory(ESCAPE_GROWTH * size);
	char *expected = fuzz_memory(ESCAPE_GROWTH * size + 1);
	unsigned char *back;
	size_t taken = size, fault;
	size_t written = escape(out, ESCAPE_GROWTH * size, data, &taken);
	long back_size;

	REQUIRE(taken == size && written <= ESCAPE_GROWTH * size);
	check_is_line(out, written);
	REQUIRE(fuzz_same(out, written, expected,
			  expect(expected, data, size)));
	back = fuzz_memory(written);
	back_size = unescape(back, out, written, &fault);
	REQUIRE(back_size >= 0);
	REQUIRE(fuzz_same(back, (size_t)back_size, data, size));
	check_parts(data, size, capacity, out, written);
	free(back);
	free(expected);
	free(out);
}

static bool
is_digit(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* The length of the escape at the beginning of text; 0: none. */
static size_t
escape_length(const char *text, size_t size)
{
	if (size >= 2 && memchr("\\nr", text[1], 3))
		return 2;
	return size >= 4 && text[1] == 'x' && is_digit(text[2]) &&
			       is_digit(text[3])
		     ? 4
		     : 0;
}

/* Any text: the place of its first error, or the bytes that it stands for. */
static void
check_unescape(const char *text, size_t size, size_t capacity)
{
	unsigned char *out = fuzz_memory(size);
	size_t fault = size, bytes = 0, i = 0;
	long written = unescape(out, text, size, &fault);

	for (size_t length; i < size; i += length, bytes++) {
		length =
			text[i] == '\\' ? escape_length(text + i, size - i) : 1;
		if (length == 0)
			break;
		REQUIRE(written < 0 || length > 1 ||
			out[bytes] == (unsigned char)text[i]);
	}
	if (i < size) {
		REQUIRE(written == -1 && fault == i);
	} else {
		REQUIRE(written >= 0 && (size_t)written == bytes);
		check_escape(out, bytes, capacity);
	}
	free(out);
}

int
fuzz_escape(const uint8_t *data, size_t size)
{
	size_t capacity = size > 0 ? data[0] : 0;

	for (uint32_t c = 0; size == 0 && c < 0x110000; c++)
		REQUIRE(escape_is_harmless(c) == fuzz_is_harmless(c));
	if (size > 0) {
		data++;
		size--;
	}
	check_escape(data, size, capacity);
	check_unescape((const char *)data, size, capacity);
	return 0;
}
