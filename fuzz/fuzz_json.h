/* SPDX-License-Identifier: MIT */
/* fuzz_json: a strict reader of a line of JSON (RFC 8259). */
#ifndef PORTLOG_FUZZ_JSON_H
#define PORTLOG_FUZZ_JSON_H

#include "fuzz.h"

/* The unread rest of the line. */
struct json {
	const char *at, *end;
};

static inline uint32_t
json_unit(struct json *j)
{
	char digits[5] = "";

	REQUIRE(j->end - j->at >= 4);
	memcpy(digits, j->at, 4);
	REQUIRE(strspn(digits, "0123456789abcdefABCDEF") == 4);
	j->at += 4;
	return (uint32_t)strtoul(digits, NULL, 16);
}

/* The code point after \u, which may be a pair (RFC 8259, section 7). */
static inline uint32_t
json_code_point(struct json *j)
{
	uint32_t low, c = json_unit(j);

	REQUIRE(c < 0xdc00 || c > 0xdfff);
	if (c < 0xd800 || c > 0xdbff)
		return c;
	REQUIRE(j->end - j->at >= 2 && j->at[0] == '\\' && j->at[1] == 'u');
	j->at += 2;
	low = json_unit(j);
	REQUIRE(low >= 0xdc00 && low <= 0xdfff);
	return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

static inline size_t
put_utf8(char *out, uint32_t c)
{
	size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = length - 1; i > 0; i--, c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(length == 1 ? c : (0xf00U >> length & 0xff) | c);
	return length;
}

static inline size_t
json_escape(struct json *j, char *out)
{
	static const char letters[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
	const char *letter;

	REQUIRE(j->at < j->end);
	if (*j->at == 'u') {
		j->at++;
		return put_utf8(out, json_code_point(j));
	}
	letter = memchr(letters, *j->at++, sizeof letters - 1);
	REQUIRE(letter != NULL);
	*out = bytes[letter - letters];
	return 1;
}

/* Read a string into out, which has the size of the line. */
static inline size_t
json_string(struct json *j, char *out)
{
	size_t used = 0;

	REQUIRE(j->at < j->end && *j->at == '"');
	for (j->at++; j->at < j->end && *j->at != '"';) {
		char c = *j->at++;

		REQUIRE((unsigned char)c >= 0x20);
		if (c == '\\')
			used += json_escape(j, out + used);
		else
			out[used++] = c;
	}
	REQUIRE(j->at < j->end);
	j->at++;
	return used;
}

static inline void
json_digits(struct json *j)
{
	const char *first = j->at;

	while (j->at < j->end && *j->at >= '0' && *j->at <= '9')
		j->at++;
	REQUIRE(j->at > first);
}

/* Read a number: strict, without sign and exponent. */
static inline size_t
json_number(struct json *j, char *out)
{
	const char *first = j->at;

	json_digits(j);
	REQUIRE(*first != '0' || j->at == first + 1);
	if (j->at < j->end && *j->at == '.') {
		j->at++;
		json_digits(j);
	}
	memcpy(out, first, (size_t)(j->at - first));
	return (size_t)(j->at - first);
}

/*
 * The next member of the object has this name and value, and is a number or a
 * string.  A comma follows it, or the brace after the last member.
 */
static inline void
json_member(struct json *j, const char *name, const void *value, size_t size,
	    bool is_number)
{
	char *text = fuzz_memory((size_t)(j->end - j->at));

	REQUIRE(fuzz_same(name, strlen(name), text, json_string(j, text)));
	REQUIRE(j->at < j->end && *j->at == ':');
	j->at++;
	REQUIRE(fuzz_same(value, size, text,
			  is_number ? json_number(j, text)
				    : json_string(j, text)));
	REQUIRE(j->at < j->end && (*j->at == ',' || *j->at == '}'));
	j->at++;
	free(text);
}

static inline void
json_text(struct json *j, const char *name, const char *value)
{
	json_member(j, name, value, strlen(value), false);
}

static inline void
json_count(struct json *j, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof text, "%llu", (unsigned long long)value);
	json_member(j, name, text, strlen(text), true);
}

/* Base64 (RFC 4648), bit by bit. */
static inline void
expect_base64(char *out, const unsigned char *data, size_t size)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t used = 0;

	for (size_t bit = 0; bit < 8 * size; bit += 6) {
		unsigned value = 0;

		for (size_t i = bit; i < bit + 6; i++)
			value = value << 1 | (i < 8 * size &&
					      data[i / 8] >> (7 - i % 8) & 1);
		out[used++] = digits[value];
	}
	while (used % 4 > 0)
		out[used++] = '=';
	out[used] = '\0';
}

#endif
