/* SPDX-License-Identifier: MIT */
#include "base/escape.h"

#include <string.h>

#include "base/ignorable.h"
#include "base/plain.h"
#include "base/utf8.h"

static const char hexadecimal[] = "0123456789abcdef";

static bool
is_ignorable(uint32_t c)
{
	const size_t count = sizeof ignorable / sizeof *ignorable;
	size_t i = 0;

	/* Most scripts end this early, and always at the same place. */
	while (i < count && c > ignorable[i].last)
		i++;
	return i < count && c >= ignorable[i].first;
}

bool
escape_is_harmless(uint32_t c)
{
	if (c < 0x20)
		return c == '\t';
	if (c < 0x7f)
		return true;
	if (c < 0xa0)
		return false;
	if (c == 0x2028 || c == 0x2029)
		return false;
	if (c >= 0xfdd0 && c <= 0xfdef)
		return false;
	return (c & 0xfffe) != 0xfffe && !is_ignorable(c);
}

static size_t
escape_byte(char *out, unsigned char byte)
{
	out[0] = '\\';
	switch (byte) {
	case '\\':
		out[1] = '\\';
		return 2;
	case '\n':
		out[1] = 'n';
		return 2;
	case '\r':
		out[1] = 'r';
		return 2;
	default:
		out[1] = 'x';
		out[2] = hexadecimal[byte >> 4];
		out[3] = hexadecimal[byte & 15];
		return 4;
	}
}

/*
 * Escape the bytes of one character, unless they take more than capacity.
 * Returns the bytes written to out; 0: there is no room.  Not inlined: the
 * compiler would zero the array for plain data too.
 */
static __attribute__((noinline)) size_t
escape_bytes(char *out, size_t capacity, const unsigned char *data, size_t size)
{
	char escaped[16] = "";
	size_t length = 0;

	for (size_t i = 0; i < size; i++)
		length += escape_byte(escaped + length, data[i]);
	if (length > capacity)
		return 0;
	memcpy(out, escaped, length);
	return length;
}

/*
 * Write one character that is not plain, or one byte that is no UTF-8.  Returns
 * the bytes written to out, and sets *used to those of data; 0: as above.
 */
static size_t
put_character(char *out, size_t capacity, const unsigned char *data,
	      size_t size, size_t *used)
{
	uint32_t code_point;
	size_t n = utf8_decode(data, size, &code_point);

	*used = n > 0 ? n : 1;
	if (n < 2 || !escape_is_harmless(code_point))
		return escape_bytes(out, capacity, data, *used);
	if (n > capacity)
		return 0;
	memcpy(out, data, n);
	return n;
}

/* escape(), of which so many bytes are copied: they are plain. */
static __attribute__((noinline)) size_t
escape_rest(char *out, size_t capacity, const unsigned char *data, size_t *size,
	    size_t copied)
{
	size_t used = copied, written = copied;

	while (used < *size && written < capacity) {
		size_t plain = *size - used, length, n;

		if (plain > capacity - written)
			plain = capacity - written;
		/* After one character beyond ASCII there is mostly another. */
		if (data[used] < 0x80)
			plain = plain_copy(out + written, data + used, plain,
					   '\\', true);
		else
			plain = 0;
		used += plain;
		written += plain;
		if (used == *size || written == capacity)
			break;
		length = put_character(out + written, capacity - written,
				       data + used, *size - used, &n);
		if (length == 0)
			break;
		used += n;
		written += length;
	}
	*size = used;
	return written;
}

size_t
escape(char *out, size_t capacity, const unsigned char *data, size_t *size)
{
	size_t n = *size <= capacity ? plain_copy(out, data, *size, '\\', true)
				     : 0;

	return n == *size ? n : escape_rest(out, capacity, data, size, n);
}

size_t
escape_value(char *out, size_t capacity, const unsigned char *data, size_t size)
{
	size_t written = 0, n = 1;

	while (n > 0) {
		size_t word = 0, used;

		while (word < size && data[word] != ' ' && data[word] != '\t')
			word++;
		used = word;
		written +=
			escape(out + written, capacity - written, data, &used);
		if (used == size || used < word)
			break;
		n = escape_bytes(out + written, capacity - written, data + used,
				 1);
		written += n;
		data += used + 1;
		size -= used + 1;
	}
	return written;
}

/* The value of a lower-case hexadecimal digit; -1: it is none. */
static int
digit_value(char c)
{
	const char *digit = c ? strchr(hexadecimal, c) : NULL;

	return digit ? (int)(digit - hexadecimal) : -1;
}

/* Read one escape, after its backslash.  Returns its length; 0: it is none. */
static size_t
unescape_byte(unsigned char *byte, const char *text, size_t size)
{
	int high, low;

	if (size == 0)
		return 0;
	if (text[0] != 'x') {
		*byte = text[0] == 'n' ? '\n' : text[0] == 'r' ? '\r' : '\\';
		return text[0] == 'n' || text[0] == 'r' || text[0] == '\\';
	}
	if (size < 3)
		return 0;
	high = digit_value(text[1]);
	low = digit_value(text[2]);
	if (high < 0 || low < 0)
		return 0;
	*byte = (unsigned char)(high << 4 | low);
	return 3;
}

long
unescape(unsigned char *out, const char *text, size_t size, size_t *bad_offset)
{
	size_t read = 0, written = 0;

	while (read < size) {
		const char *backslash = memchr(text + read, '\\', size - read);
		size_t clean = backslash ? (size_t)(backslash - text) - read
					 : size - read;
		size_t n;

		memmove(out + written, text + read, clean);
		read += clean;
		written += clean;
		if (!backslash)
			break;
		n = unescape_byte(out + written, text + read + 1,
				  size - read - 1);
		if (n == 0) {
			*bad_offset = read;
			return -1;
		}
		read += 1 + n;
		written++;
	}
	return (long)written;
}
