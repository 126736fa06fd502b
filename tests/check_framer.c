/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/framer.h"

static const struct framing_settings cr = { .delimiter = { 1, "\r" } };
static const struct framing_settings mllp = { .delimiter = { 2, "\x1c\r" } };
static const struct framing_settings aab = { .delimiter = { 3, "aab" } };
static const struct framing_settings eight = { .delimiter = { 8, "abcabcab" } };
static const struct framing_settings one = { .length_bytes = 1 };
static const struct framing_settings two = { .length_bytes = 2 };
static const struct framing_settings two_little = { .length_bytes = 2,
						    .length_order =
							    LENGTH_LITTLE };
static const struct framing_settings two_itself = { .length_bytes = 2,
						    .length_includes_itself =
							    true };
static const struct framing_settings four = { .length_bytes = 4 };

/*
 * A stream, and its records, which must be the same for any split into reads:
 * each between its tag (F whole, P piece, E end, ! bad frame) and a slash.
 */
static const struct {
	enum framing framing;
	const struct framing_settings *settings;
	size_t max_record;
	const char *stream; /* | for NUL, as in records */
	const char *records;
} streams[] = {
	{ FRAMING_LINE, NULL, 8, "", "" },
	{ FRAMING_LINE, NULL, 8, "one\ntwo\r\n", "Fone/Ftwo/" },
	{ FRAMING_LINE, NULL, 8, "\n\r\n\n", "F/F/F/" },
	{ FRAMING_LINE, NULL, 8, "a\rb\r\r\n", "Fa\rb\r/" },
	{ FRAMING_LINE, NULL, 8, "end", "Eend/" },
	{ FRAMING_LINE, NULL, 8, "end\r", "Eend\r/" },
	{ FRAMING_LINE, NULL, 4, "1234\r\n", "F1234/" },
	{ FRAMING_LINE, NULL, 4, "1234\r", "P1234/E\r/" },
	{ FRAMING_LINE, NULL, 4, "1234\r\r\n", "P1234/F\r/" },
	{ FRAMING_LINE, NULL, 4, "12345\n", "P1234/F5/" },
	{ FRAMING_LINE, NULL, 4, "123456789", "P1234/P5678/E9/" },
	{ FRAMING_LINE, NULL, 4, "12345678\n", "P1234/F5678/" },
	{ FRAMING_LINE, NULL, 4, "12\xe2\x82\xac\n", "P12/F\xe2\x82\xac/" },
	{ FRAMING_LINE, NULL, 1, "\xe2\x82\xac\n", "P\xe2/P\x82/F\xac/" },
	{ FRAMING_LINE, NULL, 1, "\xc3\xa9\n", "P\xc3/F\xa9/" },
	{ FRAMING_LF, NULL, 8, "a\r\nb\n", "Fa\r/Fb/" },
	{ FRAMING_LF, NULL, 2, "a\r\nbcd", "Fa\r/Pbc/Ed/" },
	{ FRAMING_NUL, NULL, 8, "a\nb|c|", "Fa\nb/Fc/" },
	{ FRAMING_NUL, NULL, 2, "abc||", "Pab/Fc/F/" },
	{ FRAMING_OCTET_COUNTED, NULL, 8, "3 abc5 d\ne f", "Fabc/Fd\ne f/" },
	{ FRAMING_OCTET_COUNTED, NULL, 8, "3 ab", "Eab/" },
	{ FRAMING_OCTET_COUNTED, NULL, 8, "3 ", "E/" },
	{ FRAMING_OCTET_COUNTED, NULL, 8, "1 a12", "Fa/E12/" },
	{ FRAMING_OCTET_COUNTED, NULL, 4, "10 123456789a1 b",
	  "P1234/P5678/F9a/Fb/" },
	{ FRAMING_OCTET_COUNTED, NULL, 4, "4 1\xe2\x82\xac",
	  "F1\xe2\x82\xac/" },
	{ FRAMING_OCTET_COUNTED, NULL, 3, "4 1\xe2\x82\xac",
	  "P1/F\xe2\x82\xac/" },
	{ FRAMING_OCTET_COUNTED, NULL, 8, "0 ", "!/E0 /" },
	{ FRAMING_OCTET_COUNTED, NULL, 8, "03 abc", "!/E03 abc/" },
	{ FRAMING_OCTET_COUNTED, NULL, 8, "x", "!/Ex/" },
	{ FRAMING_OCTET_COUNTED, NULL, 8, "1 a1x b", "Fa/!/E1x b/" },
	{ FRAMING_OCTET_COUNTED, NULL, 8, "1 a\n1 b\r\n1 c||1 d\n 1 e\n",
	  "Fa/Fb/Fc/Fd/Fe/" },
	{ FRAMING_OCTET_COUNTED, NULL, 8, "\n1 a", "Fa/" },
	{ FRAMING_OCTET_COUNTED, NULL, 8, "2 a\n\n1\n", "Fa\n/!/E1\n/" },
	{ FRAMING_OCTET_COUNTED, NULL, 8, "1 a\n<3>b\n", "Fa/!/E<3>b\n/" },
	{ FRAMING_OCTET_COUNTED, NULL, 4, "hello you", "!/Phell/Po yo/Eu/" },
	{ FRAMING_OCTET_COUNTED, NULL, 99, "123456789012345678901234567890 a",
	  "!/E123456789012345678901234567890 a/" },
	{ FRAMING_OCTET_COUNTED, NULL, 99, "999999999 a", "Ea/" },
	{ FRAMING_DELIMITER, &cr, 8, "a\nb\r\rc", "Fa\nb/F/Ec/" },
	{ FRAMING_DELIMITER, &cr, 2, "abcd\re", "Pab/Fcd/Ee/" },
	{ FRAMING_DELIMITER, &mllp, 8,
	  "\x0b"
	  "a\rb\x1c\r\x0b\x1c\x1c\rc\x1c",
	  "F\x0b"
	  "a\rb/F\x0b\x1c/Ec\x1c/" },
	{ FRAMING_DELIMITER, &mllp, 2,
	  "12\x1c\r34\x1c"
	  "5\x1c",
	  "F12/P34/P\x1c"
	  "5/E\x1c/" },
	{ FRAMING_DELIMITER, &aab, 8, "aaabab", "Fa/Eab/" },
	{ FRAMING_DELIMITER, &aab, 1, "xaacaab", "Px/Pa/Pa/Fc/" },
	{ FRAMING_DELIMITER, &aab, 1, "xaa", "Px/Pa/Ea/" },
	{ FRAMING_DELIMITER, &eight, 4, "abcabcabcabyabcabcab", "F/Fcaby/" },
	{ FRAMING_DELIMITER, &eight, 4, "abcabca", "Pabca/Ebca/" },
	{ FRAMING_LENGTH, &one, 8, "\3a\nb|\1c\2d", "Fa\nb/F/Fc/Ed/" },
	{ FRAMING_LENGTH, &one, 8, "\1a\3", "Fa/E/" },
	{ FRAMING_LENGTH, &one, 2, "\5abcde", "Pab/Pcd/Fe/" },
	{ FRAMING_LENGTH, &two, 8,
	  "|\1a||"
	  "|\2bc|",
	  "Fa/F/Fbc/E|/" },
	{ FRAMING_LENGTH, &two_little, 8, "\1|a||\2|bc\1", "Fa/F/Fbc/E\1/" },
	{ FRAMING_LENGTH, &two_itself, 8, "|\3a|\2|\1b", "Fa/F/!/E|\1b/" },
	{ FRAMING_LENGTH, &four, 8, "|||\1a||||GET /", "Fa/F/!/EGET //" },
};

struct result {
	char text[512];
	size_t size;
};

static void
put(struct result *result, enum frame frame, const struct slice *slice)
{
	static const char tags[] = { [FRAME_WHOLE] = 'F',
				     [FRAME_PIECE] = 'P',
				     [FRAME_END] = 'E',
				     [FRAME_BAD] = '!' };

	result->text[result->size++] = tags[frame];
	if (frame != FRAME_BAD) {
		for (size_t i = 0; i < slice->size; i++)
			result->text[result->size++] =
				slice->data[i] ? (char)slice->data[i] : '|';
	}
	result->text[result->size++] = '/';
	ck_assert_uint_lt(result->size, sizeof result->text);
}

static void
feed(struct framer *framer, const char *bytes, size_t size,
     struct result *result)
{
	size_t free_size;
	unsigned char *space = framer_space(framer, &free_size);
	struct slice slice;
	enum frame frame;

	ck_assert_uint_ge(free_size, size);
	memcpy(space, bytes, size);
	framer_received(framer, size);
	while ((frame = framer_next(framer, &slice)) != FRAME_NONE)
		put(result, frame, &slice);
}

static void
end(struct framer *framer, struct result *result)
{
	struct slice slice;
	enum frame frame;

	while ((frame = framer_end(framer, &slice)) != FRAME_NONE)
		put(result, frame, &slice);
}

/* The stream with NUL for |. */
static size_t
stream_bytes(int i, char bytes[128])
{
	size_t size = strlen(streams[i].stream);

	memcpy(bytes, streams[i].stream, size);
	for (size_t j = 0; j < size; j++)
		if (bytes[j] == '|')
			bytes[j] = '\0';
	return size;
}

/*
 * Read one part that ends at first and one that ends at second, then the rest
 * in steps.
 */
static void
assert_split(int i, size_t first, size_t second, size_t step)
{
	size_t capacity = framer_capacity(streams[i].max_record), size;
	unsigned char *memory = malloc(capacity);
	struct result result = { .size = 0 };
	struct framer framer;
	char bytes[128];

	size = stream_bytes(i, bytes);
	framer_init(&framer, streams[i].framing, streams[i].settings,
		    streams[i].max_record);
	framer_lend(&framer, memory, capacity);
	feed(&framer, bytes, first, &result);
	feed(&framer, bytes + first, second - first, &result);
	for (size_t j = second; j < size; j += step)
		feed(&framer, bytes + j, size - j < step ? size - j : step,
		     &result);
	end(&framer, &result);
	result.text[result.size] = '\0';
	ck_assert_str_eq(result.text, streams[i].records);
	free(memory);
}

START_TEST(records_are_the_same_for_every_split)
{
	char bytes[128];
	size_t size = stream_bytes(_i, bytes);

	for (size_t first = 0; first <= size; first++)
		for (size_t second = first; second <= size; second++) {
			assert_split(_i, first, second, 1);
			assert_split(_i, first, second, size + 1);
		}
}
END_TEST

static const struct {
	enum framing framing;
	const struct framing_settings *settings;
	const char *before, *after;
	const char *records; /* with a flush between before and after */
} flushes[] = {
	{ FRAMING_LINE, NULL, "abc", "d\n", "Pabc/Fd/" },
	{ FRAMING_LINE, NULL, "abc", "", "Pabc/E/" },
	{ FRAMING_LINE, NULL, "abc", "\n", "Pabc/F/" },
	{ FRAMING_LINE, NULL, "abc\r", "\n", "Pabc/F/" },
	{ FRAMING_LINE, NULL, "abc\r", "d\n", "Pabc/F\rd/" },
	{ FRAMING_LINE, NULL, "\r", "\n", "P\r/F/" },
	{ FRAMING_LINE, NULL, "a\xe2\x82", "\xac\n", "Pa/F\xe2\x82\xac/" },
	{ FRAMING_LINE, NULL, "\xe2\x82", "\xac\n", "P\xe2\x82/F\xac/" },
	{ FRAMING_LINE, NULL, "a\n", "b\n", "Fa/Fb/" },
	{ FRAMING_LF, NULL, "a\r", "\n", "Pa\r/F/" },
	{ FRAMING_OCTET_COUNTED, NULL, "5 ab", "cde", "Pab/Fcde/" },
	{ FRAMING_OCTET_COUNTED, NULL, "5 ", "abcde", "Fabcde/" },
	{ FRAMING_OCTET_COUNTED, NULL, "1", "2 123456789012",
	  "F123456789012/" },
	{ FRAMING_CHUNK, NULL, "ab", "cd", "Fab/Fcd/" },
	{ FRAMING_DELIMITER, &mllp, "ab\x1c", "\rc", "Pab/F/Ec/" },
	{ FRAMING_DELIMITER, &mllp, "\x1c", "\rc", "F/Ec/" },
	{ FRAMING_DELIMITER, &aab, "aaa", "b", "Pa/F/" },
	{ FRAMING_DELIMITER, &aab, "xaa", "ab", "Px/Fa/" },
	{ FRAMING_LENGTH, &one, "\3a", "bc\1d", "Pa/Fbc/Fd/" },
	{ FRAMING_LENGTH, &one, "\3", "abc", "Fabc/" },
};

START_TEST(flushes_an_unfinished_record)
{
	unsigned char memory[FRAMER_READ + 128];
	struct result result = { .size = 0 };
	struct framer framer;
	struct slice slice;
	enum frame frame;

	framer_init(&framer, flushes[_i].framing, flushes[_i].settings, 64);
	framer_lend(&framer, memory, sizeof memory);
	feed(&framer, flushes[_i].before, strlen(flushes[_i].before), &result);
	frame = framer_flush(&framer, &slice);
	if (frame != FRAME_NONE)
		put(&result, frame, &slice);
	feed(&framer, flushes[_i].after, strlen(flushes[_i].after), &result);
	end(&framer, &result);
	result.text[result.size] = '\0';
	ck_assert_str_eq(result.text, flushes[_i].records);
}
END_TEST

/* As after a restart: the held bytes, and three fields. */
START_TEST(another_framer_continues_at_any_byte)
{
	size_t size, capacity = framer_capacity(streams[_i].max_record);
	unsigned char *memory = malloc(capacity);
	char bytes[128];

	size = stream_bytes(_i, bytes);
	for (size_t split = 0; split <= size; split++) {
		struct result result = { .size = 0 };
		struct framer before, after;
		char held[128];

		framer_init(&before, streams[_i].framing, streams[_i].settings,
			    streams[_i].max_record);
		framer_lend(&before, memory, capacity);
		feed(&before, bytes, split, &result);
		memcpy(held, memory + before.begin, framer_held(&before));
		framer_init(&after, streams[_i].framing, streams[_i].settings,
			    streams[_i].max_record);
		framer_resume(&after, before.framing, before.remaining,
			      before.inside);
		framer_lend(&after, memory, capacity);
		feed(&after, held, framer_held(&before), &result);
		feed(&after, bytes + split, size - split, &result);
		end(&after, &result);
		result.text[result.size] = '\0';
		ck_assert_str_eq(result.text, streams[_i].records);
	}
	free(memory);
}
END_TEST

/* As where one thread reads for many: each read goes somewhere else. */
START_TEST(other_memory_gets_what_is_held)
{
	size_t size, capacity = framer_capacity(streams[_i].max_record);
	unsigned char *memory = malloc(capacity);
	char bytes[128];

	size = stream_bytes(_i, bytes);
	for (size_t split = 0; split <= size; split++) {
		struct result result = { .size = 0 };
		struct framer framer;
		unsigned char rest[128];

		framer_init(&framer, streams[_i].framing, streams[_i].settings,
			    streams[_i].max_record);
		framer_lend(&framer, memory, capacity);
		feed(&framer, bytes, split, &result);
		framer_lend(&framer, rest, framer_held(&framer));
		memset(memory, 0xa5, capacity);
		framer_lend(&framer, memory, capacity);
		feed(&framer, bytes + split, size - split, &result);
		end(&framer, &result);
		result.text[result.size] = '\0';
		ck_assert_str_eq(result.text, streams[_i].records);
	}
	free(memory);
}
END_TEST

START_TEST(a_framing_without_its_settings_is_left_as_it_was)
{
	static const enum framing framings[] = { FRAMING_DELIMITER,
						 FRAMING_LENGTH };
	static const struct framing_settings none = { 0 };

	for (size_t i = 0; i < 2; i++) {
		struct framer framer;

		framer_init(&framer, FRAMING_LINE, i == 0 ? &none : NULL, 8);
		framer_resume(&framer, framings[i], 7, true);
		ck_assert_int_eq(framer.framing, FRAMING_LINE);
		ck_assert_uint_eq(framer.remaining, 0);
		ck_assert(framer.inside);
	}
}
END_TEST

START_TEST(each_read_of_a_chunk_is_a_record)
{
	unsigned char memory[FRAMER_READ + 128];
	struct result result = { .size = 0 };
	struct framer framer;
	size_t free_size;

	framer_init(&framer, FRAMING_CHUNK, NULL, 4);
	framer_lend(&framer, memory, sizeof memory);
	framer_space(&framer, &free_size);
	ck_assert_uint_eq(free_size, 4);
	feed(&framer, "ab\nc", 4, &result);
	feed(&framer, "\n", 1, &result);
	end(&framer, &result);
	result.text[result.size] = '\0';
	ck_assert_str_eq(result.text, "Fab\nc/F\n/");
}
END_TEST

/* Searching again from the beginning for each piece would take minutes. */
START_TEST(searches_each_byte_of_an_endless_record_once)
{
	size_t capacity = framer_capacity(1), pieces = 0, free_size;
	unsigned char *memory = malloc(capacity);
	struct framer framer;
	struct slice slice;

	framer_init(&framer, FRAMING_LINE, NULL, 1);
	framer_lend(&framer, memory, capacity);
	for (int round = 0; round < 64; round++) {
		unsigned char *space = framer_space(&framer, &free_size);

		ck_assert_uint_ge(free_size, FRAMER_READ);
		memset(space, 'x', FRAMER_READ);
		framer_received(&framer, FRAMER_READ);
		while (framer_next(&framer, &slice) == FRAME_PIECE)
			pieces++;
	}
	ck_assert_uint_ge(pieces, 64 * FRAMER_READ - 2);
	free(memory);
}
END_TEST

SUITE(framer)
{
	Suite *suite = suite_create("framer");
	TCase *tests = tcase_create("framer");

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, records_are_the_same_for_every_split, 0,
			    sizeof streams / sizeof *streams);
	tcase_add_loop_test(tests, flushes_an_unfinished_record, 0,
			    sizeof flushes / sizeof *flushes);
	tcase_add_loop_test(tests, another_framer_continues_at_any_byte, 0,
			    sizeof streams / sizeof *streams);
	tcase_add_loop_test(tests, other_memory_gets_what_is_held, 0,
			    sizeof streams / sizeof *streams);
	tcase_add_test(tests, a_framing_without_its_settings_is_left_as_it_was);
	tcase_add_test(tests, each_read_of_a_chunk_is_a_record);
	tcase_add_test(tests, searches_each_byte_of_an_endless_record_once);
	suite_add_tcase(suite, tests);
	return suite;
}
