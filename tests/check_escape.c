/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/utf8.h"

static const struct {
	const char *bytes, *escaped;
} examples[] = {
	{ "", "" },
	{ "hello, world ~", "hello, world ~" },
	{ "a\tb", "a\tb" },
	{ "a\\b", "a\\\\b" },
	{ "a\nb\rc", "a\\nb\\rc" },
	{ "\x1b[31m", "\\x1b[31m" },
	{ "\x01\x7f", "\\x01\\x7f" },
	{ "Grüße", "Grüße" },
	{ "\xc2\x9b", "\\xc2\\x9b" },          /* C1 */
	{ "\x9b", "\\x9b" },                   /* not UTF-8 */
	{ "\xc0\xaf", "\\xc0\\xaf" },          /* overlong */
	{ "\xed\xa0\x80", "\\xed\\xa0\\x80" }, /* a surrogate */
	{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },
	{ "\xe2\x82", "\\xe2\\x82" },                   /* truncated */
	{ "\xe2\x80\xa8", "\\xe2\\x80\\xa8" },          /* U+2028 */
	{ "\xe2\x80\xae", "\\xe2\\x80\\xae" },          /* U+202E */
	{ "\xd8\x9c", "\\xd8\\x9c" },                   /* U+061C */
	{ "\xe2\x81\xa6", "\\xe2\\x81\\xa6" },          /* U+2066 */
	{ "\xef\xbb\xbf", "\\xef\\xbb\\xbf" },          /* U+FEFF */
	{ "\xef\xbf\xbe", "\\xef\\xbf\\xbe" },          /* U+FFFE */
	{ "\xef\xb7\x90", "\\xef\\xb7\\x90" },          /* U+FDD0 */
	{ "\xf0\x9f\xbf\xbf", "\\xf0\\x9f\\xbf\\xbf" }, /* U+1FFFF */
	{ "\xc2\xad", "\\xc2\\xad" },                   /* U+00AD */
	{ "\xe2\x80\x8d", "\\xe2\\x80\\x8d" },          /* U+200D */
	{ "\xe2\x81\xa0", "\\xe2\\x81\\xa0" },          /* U+2060 */
	{ "\xef\xb8\x8f", "\\xef\\xb8\\x8f" },          /* U+FE0F */
	{ "\xf3\xa0\x81\x81", "\\xf3\\xa0\\x81\\x81" }, /* U+E0041 */
	{ "\xe2\x80\xaf", "\xe2\x80\xaf" },             /* U+202F */
	{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
};

START_TEST(escapes_the_examples)
{
	const char *bytes = examples[_i].bytes;
	size_t size = strlen(bytes), length;
	char out[64];

	length = escape(out, sizeof out, (const unsigned char *)bytes, &size);
	ck_assert_uint_eq(size, strlen(bytes));
	ck_assert_mem_eq(out, examples[_i].escaped, length);
	ck_assert_uint_eq(length, strlen(examples[_i].escaped));
}
END_TEST

static const struct {
	const char *bytes, *escaped;
	size_t capacity;
} values[] = {
	{ "", "", 64 },
	{ "pump3", "pump3", 64 },
	{ "pump 3", "pump\\x203", 64 },
	{ " \t ", "\\x20\\x09\\x20", 64 },
	{ "a b\nc ", "a\\x20b\\nc\\x20", 64 },
	{ "a b", "a\\x20b", 6 },
	{ "a b", "a\\x20", 5 },
	{ "a b", "a", 4 },
	{ "ab c", "a", 1 },
	{ "\xe2\x82\xac \xe2\x82\xac", "\xe2\x82\xac\\x20", 9 },
	{ "\x1b b", "", 3 },
};

START_TEST(escapes_the_value_of_a_pair_without_a_space)
{
	const char *bytes = values[_i].bytes;
	size_t length;
	char out[64];

	length = escape_value(out, values[_i].capacity,
			      (const unsigned char *)bytes, strlen(bytes));
	ck_assert_uint_eq(length, strlen(values[_i].escaped));
	ck_assert_mem_eq(out, values[_i].escaped, length);
}
END_TEST

/* The text is one printable line of valid UTF-8. */
static void
assert_one_safe_line(const char *text, size_t size)
{
	const unsigned char *bytes = (const unsigned char *)text;

	for (size_t i = 0; i < size;) {
		uint32_t code_point;
		size_t length = utf8_decode(bytes + i, size - i, &code_point);

		/* An assertion sends a message even if it holds: too slow. */
		if (length == 0 || !escape_is_harmless(code_point))
			ck_abort_msg("not safe at byte %zu of \"%.*s\"", i,
				     (int)size, text);
		i += length;
	}
}

static void
assert_round_trip(const unsigned char *data, size_t size)
{
	char *escaped = malloc(ESCAPE_GROWTH * size + 1);
	unsigned char *back = malloc(ESCAPE_GROWTH * size + 1);
	size_t used = size, fault, length;

	length = escape(escaped, ESCAPE_GROWTH * size, data, &used);
	if (used != size)
		ck_abort_msg("%zu of %zu bytes escaped", used, size);
	assert_one_safe_line(escaped, length);
	if (unescape(back, escaped, length, &fault) != (long)size ||
	    (size > 0 && memcmp(back, data, size) != 0))
		ck_abort_msg("not given back: \"%.*s\"", (int)length, escaped);
	free(escaped);
	free(back);
}

START_TEST(every_pair_of_bytes_comes_back)
{
	for (int i = 0; i < 65536; i++) {
		unsigned char pair[] = { (unsigned char)(i >> 8),
					 (unsigned char)i };

		assert_round_trip(pair, 2);
	}
}
END_TEST

/* Parts of hostile text, so that random strings have many of them. */
static const char *const hostile[] = {
	"\\",   "\\x",      "\\x4",         "\\n",          "\n",
	"\r",   "\x1b[2J",  "\xc2",         "\xe2\x80",     "\xe2\x80\xa8",
	"\xf0", "\xed\xa0", "\xef\xbf\xbf", "\xc2\x85",     "plain text",
	"\t",   "\x7f",     "\xff",         "\xe2\x80\xae", "Ω",
};

START_TEST(hostile_strings_come_back)
{
	unsigned seed = 1;

	for (int round = 0; round < 20000; round++) {
		unsigned char data[256];
		size_t size = 0;

		while (size < 200 && rand_r(&seed) % 16 != 0) {
			const char *part =
				hostile[(size_t)rand_r(&seed) %
					(sizeof hostile / sizeof *hostile)];

			memcpy(data + size, part, strlen(part));
			size += strlen(part);
			data[size++] = (unsigned char)rand_r(&seed);
		}
		assert_round_trip(data, size);
	}
}
END_TEST

START_TEST(escapes_special_bytes_at_every_place)
{
	for (size_t at = 0; at < 40; at++) {
		static const unsigned char special[] = { 0,    0x1f, '\n', '\\',
							 0x7f, 0x80, 0xff };

		for (size_t i = 0; i < sizeof special; i++) {
			unsigned char data[40];
			char out[4 * sizeof data];
			size_t size = sizeof data, length;

			memset(data, i % 2 ? '~' : '\t', sizeof data);
			data[at] = special[i];
			length = escape(out, sizeof out, data, &size);
			ck_assert_uint_gt(length, sizeof data);
			ck_assert_mem_eq(out, data, at);
			ck_assert_int_eq(out[at], '\\');
			ck_assert_mem_eq(out + length - (size - at - 1),
					 data + at + 1, size - at - 1);
		}
	}
}
END_TEST

START_TEST(stops_before_a_character_that_does_not_fit)
{
	const unsigned char data[] = "ab\x01Ω\\z";
	const size_t whole = sizeof data - 1;

	for (size_t capacity = 4; capacity < 16; capacity++) {
		char parts[64];
		size_t done = 0, length = 0;

		while (done < whole) {
			size_t size = whole - done, n;

			n = escape(parts + length, capacity, data + done,
				   &size);
			ck_assert_uint_gt(size, 0);
			ck_assert_uint_le(n, capacity);
			done += size;
			length += n;
		}
		ck_assert_uint_eq(length, strlen("ab\\x01Ω\\\\z"));
		ck_assert_mem_eq(parts, "ab\\x01Ω\\\\z", length);
	}
}
END_TEST

static const struct {
	const char *text;
	size_t fault;
} faulty[] = {
	{ "\\", 0 },        { "ab\\", 2 },  { "\\q", 0 },   { "a\\x", 1 },
	{ "a\\x4", 1 },     { "\\xg0", 0 }, { "\\x0g", 0 }, { "\\X41", 0 },
	{ "\\n\\r\\z", 4 }, { "\\xAB", 0 },
};

START_TEST(refuses_wrong_escapes_and_returns_their_place)
{
	unsigned char out[16];
	size_t fault = 99;

	ck_assert_int_eq(
		unescape(out, faulty[_i].text, strlen(faulty[_i].text), &fault),
		-1);
	ck_assert_uint_eq(fault, faulty[_i].fault);
}
END_TEST

SUITE(escape)
{
	Suite *suite = suite_create("escape");
	TCase *tests = tcase_create("escape");

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, escapes_the_value_of_a_pair_without_a_space,
			    0, sizeof values / sizeof *values);
	tcase_add_loop_test(tests, escapes_the_examples, 0,
			    sizeof examples / sizeof *examples);
	tcase_add_test(tests, every_pair_of_bytes_comes_back);
	tcase_add_test(tests, hostile_strings_come_back);
	tcase_add_test(tests, escapes_special_bytes_at_every_place);
	tcase_add_test(tests, stops_before_a_character_that_does_not_fit);
	tcase_add_loop_test(tests,
			    refuses_wrong_escapes_and_returns_their_place, 0,
			    sizeof faulty / sizeof *faulty);
	suite_add_tcase(suite, tests);
	return suite;
}
