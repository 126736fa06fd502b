/* SPDX-License-Identifier: MIT */
/*
 * fuzz: what all fuzzers share.  Each takes any bytes, and aborts if the code
 * under test breaks a promise.  The checks never use the code that they check:
 * so this header decodes UTF-8 in a way of its own.
 */
#ifndef PORTLOG_FUZZ_H
#define PORTLOG_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int fuzz_address(const uint8_t *data, size_t size);
int fuzz_config(const uint8_t *data, size_t size);
int fuzz_connection(const uint8_t *data, size_t size);
int fuzz_escape(const uint8_t *data, size_t size);
int fuzz_finder(const uint8_t *data, size_t size);
int fuzz_first_bytes(const uint8_t *data, size_t size);
int fuzz_format(const uint8_t *data, size_t size);
int fuzz_framer(const uint8_t *data, size_t size);
int fuzz_json_line(const uint8_t *data, size_t size);
int fuzz_log_line(const uint8_t *data, size_t size);
int fuzz_log_time(const uint8_t *data, size_t size);
int fuzz_networks(const uint8_t *data, size_t size);
int fuzz_path_pattern(const uint8_t *data, size_t size);
int fuzz_prefix_table(const uint8_t *data, size_t size);
int fuzz_proxy_header(const uint8_t *data, size_t size);
int fuzz_rates(const uint8_t *data, size_t size);
int fuzz_state(const uint8_t *data, size_t size);
int fuzz_state_legacy(const uint8_t *data, size_t size);
int fuzz_tls_names(const uint8_t *data, size_t size);
int fuzz_tls_stream(const uint8_t *data, size_t size);
int fuzz_udp(const uint8_t *data, size_t size);
int fuzz_utf8(const uint8_t *data, size_t size);

struct fuzz_target {
	const char *name;
	int (*run)(const uint8_t *data, size_t size);
};

static const struct fuzz_target fuzz_targets[] = {
	{ "address", fuzz_address },
	{ "config", fuzz_config },
	{ "connection", fuzz_connection },
	{ "escape", fuzz_escape },
	{ "finder", fuzz_finder },
	{ "first_bytes", fuzz_first_bytes },
	{ "format", fuzz_format },
	{ "framer", fuzz_framer },
	{ "json_line", fuzz_json_line },
	{ "log_line", fuzz_log_line },
	{ "log_time", fuzz_log_time },
	{ "networks", fuzz_networks },
	{ "path_pattern", fuzz_path_pattern },
	{ "prefix_table", fuzz_prefix_table },
	{ "proxy_header", fuzz_proxy_header },
	{ "rates", fuzz_rates },
	{ "state", fuzz_state },
	{ "state_legacy", fuzz_state_legacy },
	{ "tls_names", fuzz_tls_names },
	{ "tls_stream", fuzz_tls_stream },
	{ "udp", fuzz_udp },
	{ "utf8", fuzz_utf8 },
	{ NULL, NULL },
};

/* Abort if the promise is broken, and print it: name things accordingly. */
#define REQUIRE(promise)                                                       \
	do {                                                                   \
		if (!(promise)) {                                              \
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__,       \
				__LINE__, #promise);                           \
			abort();                                               \
		}                                                              \
	} while (0)

/* Exactly size bytes: a sanitizer then sees any access beyond the end. */
static inline void *
fuzz_memory(size_t size)
{
	void *memory = malloc(size ? size : 1);

	REQUIRE(memory != NULL);
	return memory;
}

static inline void *
fuzz_copy(const void *data, size_t size)
{
	void *copy = fuzz_memory(size);

	*(char *)copy = '\0'; /* compilers miss it where size is 0 */
	if (size > 0)
		memcpy(copy, data, size);
	return copy;
}

static inline bool
fuzz_same(const void *a, size_t a_size, const void *b, size_t b_size)
{
	return a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0);
}

/*
 * Decode the character at the beginning of data: its length, or 0 if there is
 * none.  Any bits are decoded first, then the code point's range is checked.
 */
static inline size_t
fuzz_character(const unsigned char *data, size_t size, uint32_t *code_point)
{
	static const uint32_t min[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = 1;
	uint32_t c;

	if (size == 0)
		return 0;
	while (length < 5 && data[0] & 0x80 && data[0] & 0x80 >> length)
		length++;
	if ((data[0] & 0x80 && length == 1) || length == 5 || length > size)
		return 0;
	c = length == 1 ? data[0] : data[0] % (1U << (7 - length));
	for (size_t i = 1; i < length; i++) {
		if (data[i] < 0x80 || data[i] > 0xbf)
			return 0;
		c = c * 64 + (data[i] - 0x80U);
	}
	if (c < min[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*code_point = c;
	return length;
}

static inline bool
fuzz_is_utf8(const void *text, size_t size)
{
	const unsigned char *data = text;
	uint32_t code_point;

	for (size_t i = 0, length; i < size; i += length) {
		length = fuzz_character(data + i, size - i, &code_point);
		if (length == 0)
			return false;
	}
	return true;
}

/* Whether these bytes and some more would make one character. */
static inline bool
fuzz_begins_character(const unsigned char *data, size_t size)
{
	for (size_t length = size + 1; length <= 4; length++) {
		unsigned char low[4] = { 0x80, 0x80, 0x80, 0x80 };
		unsigned char high[4] = { 0xbf, 0xbf, 0xbf, 0xbf };
		uint32_t c;

		memcpy(low, data, size);
		memcpy(high, data, size);
		if (fuzz_character(low, length, &c) == length ||
		    fuzz_character(high, length, &c) == length)
			return true;
	}
	return false;
}

/* Where to cut: before a character that is unfinished at the end. */
static inline size_t
fuzz_cut(const unsigned char *data, size_t size)
{
	for (size_t tail = 1; tail <= 3 && tail < size; tail++)
		if (fuzz_begins_character(data + size - tail, tail))
			return size - tail;
	return size;
}

/* Whether a character may show as nothing: a bit for each of 16 in a row. */
static inline bool
fuzz_is_ignorable(uint32_t c)
{
	static const struct {
		uint32_t row, bits;
	} rows[] = {
		{ 0x00a, 1 << 13 }, { 0x034, 1 << 15 }, { 0x061, 1 << 12 },
		{ 0x115, 1 << 15 }, { 0x116, 1 },       { 0x17b, 0x30 },
		{ 0x180, 0xf800 },  { 0x200, 0xf800 },  { 0x202, 0x7c00 },
		{ 0x206, 0xffff },  { 0x316, 0x10 },    { 0xfe0, 0xffff },
		{ 0xfef, 1 << 15 }, { 0xffa, 1 },       { 0xfff, 0x1ff },
		{ 0x1bca, 0xf },    { 0x1d17, 0x7f8 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (c / 16 == rows[i].row)
			return rows[i].bits >> c % 16 & 1;
	return c / 0x1000 == 0xe0;
}

/* Whether the specification lets a character stand in a log unescaped. */
static inline bool
fuzz_is_harmless(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} harmful[] = {
		{ 0x00, 0x08 },     { 0x0a, 0x1f },     { 0x7f, 0x9f },
		{ 0x2028, 0x2029 }, { 0xfdd0, 0xfdef },
	};

	for (size_t i = 0; i < sizeof harmful / sizeof *harmful; i++)
		if (c >= harmful[i].first && c <= harmful[i].last)
			return false;
	return c % 0x10000 != 0xfffe && c % 0x10000 != 0xffff &&
	       !fuzz_is_ignorable(c);
}

#endif
