/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/framer.h"

/*
 * A stream, and its records, which must be the same for any split into reads:
 * each between its tag (F whole, P piece, E end, ! bad frame) and a slash.
 */
static const struct {
	enum framing framing;
	size_t max_record;
	const char *stream;
	const char *records;
} streams[] = {
	{ FRAMING_LINE, 8, "", "" },
	{ FRAMING_LINE, 8, "one\ntwo\r\n", "Fone/Ftwo/" },
	{ FRAMING_LINE, 8, "\n\r\n\n", "F/F/F/" },
	{ FRAMING_LINE, 8, "a\rb\r\r\n", "Fa\rb\r/" },
	{ FRAMING_LINE, 8, "end", "Eend/" },
	{ FRAMING_LINE, 8, "end\r", "Eend\r/" },
	{ FRAMING_LINE, 4, "1234\r\n", "F1234/" },
	{ FRAMING_LINE, 4, "1234\r", "P1234/E\r/" },
	{ FRAMING_LINE, 4, "1234\r\r\n", "P1234/F\r/" },
	{ FRAMING_LINE, 4, "12345\n", "P1234/F5/" },
	{ FRAMING_LINE, 4, "123456789", "P1234/P5678/E9/" },
	{ FRAMING_LINE, 4, "12345678\n", "P1234/F5678/" },
	{ FRAMING_LINE, 4, "12\xe2\x82\xac\n", "P12/F\xe2\x82\xac/" },
	{ FRAMING_LINE, 1, "\xe2\x82\xac\n", "P\xe2/P\x82/F\xac/" },
	{ FRAMING_LINE, 1, "\xc3\xa9\n", "P\xc3/F\xa9/" },
	{ FRAMING_LF, 8, "a\r\nb\n", "Fa\r/Fb/" },
	{ FRAMING_LF, 2, "a\r\nbcd", "Fa\r/Pbc/Ed/" },
	{ FRAMING_NUL, 8, "a\nb|c|", "Fa\nb/Fc/" }, /* | for NUL */
	{ FRAMING_NUL, 2, "abc||", "Pab/Fc/F/" },
	{ FRAMING_OCTET_COUNTED, 8, "3 abc5 d\ne f", "Fabc/Fd\ne f/" },
	{ FRAMING_OCTET_COUNTED, 8, "3 ab", "Eab/" },
	{ FRAMING_OCTET_COUNTED, 8, "3 ", "E/" },
	{ FRAMING_OCTET_COUNTED, 8, "1 a12", "Fa/E12/" },
	{ FRAMING_OCTET_COUNTED, 4, "10 123456789a1 b", "P1234/P5678/F9a/Fb/" },
	{ FRAMING_OCTET_COUNTED, 4, "4 1\xe2\x82\xac", "F1\xe2\x82\xac/" },
	{ FRAMING_OCTET_COUNTED, 3, "4 1\xe2\x82\xac", "P1/F\xe2\x82\xac/" },
	{ FRAMING_OCTET_COUNTED, 8, "0 ", "!/E0 /" },
	{ FRAMING_OCTET_COUNTED, 8, "03 abc", "!/E03 abc/" },
	{ FRAMING_OCTET_COUNTED, 8, "x", "!/Ex/" },
	{ FRAMING_OCTET_COUNTED, 8, "1 a1x b", "Fa/!/E1x b/" },
	{ FRAMING_OCTET_COUNTED, 8, "1 a\n1 b\r\n1 c||1 d\n 1 e\n",
	  "Fa/Fb/Fc/Fd/Fe/" },
	{ FRAMING_OCTET_COUNTED, 8, "\n1 a", "Fa/" },
	{ FRAMING_OCTET_COUNTED, 8, "2 a\n\n1\n", "Fa\n/!/E1\n/" },
	{ FRAMING_OCTET_COUNTED, 8, "1 a\n<3>b\n", "Fa/!/E<3>b\n/" },
	{ FRAMING_OCTET_COUNTED, 4, "hello you", "!/Phell/Po yo/Eu/" },
	{ FRAMING_OCTET_COUNTED, 99, "123456789012345678901234567890 a",
	  "!/E123456789012345678901234567890 a/" },
	{ FRAMING_OCTET_COUNTED, 99, "999999999 a", "Ea/" },
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
		memcpy(result->text + result->size, slice->data, slice->size);
		result->size += slice->size;
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
	framer_init(&framer, streams[i].framing, streams[i].max_record);
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
	const char *before, *after;
	const char *records; /* with a flush between before and after */
} flushes[] = {
	{ FRAMING_LINE, "abc", "d\n", "Pabc/Fd/" },
	{ FRAMING_LINE, "abc", "", "Pabc/E/" },
	{ FRAMING_LINE, "abc", "\n", "Pabc/F/" },
	{ FRAMING_LINE, "abc\r", "\n", "Pabc/F/" },
	{ FRAMING_LINE, "abc\r", "d\n", "Pabc/F\rd/" },
	{ FRAMING_LINE, "\r", "\n", "P\r/F/" },
	{ FRAMING_LINE, "a\xe2\x82", "\xac\n", "Pa/F\xe2\x82\xac/" },
	{ FRAMING_LINE, "\xe2\x82", "\xac\n", "P\xe2\x82/F\xac/" },
	{ FRAMING_LINE, "a\n", "b\n", "Fa/Fb/" },
	{ FRAMING_LF, "a\r", "\n", "Pa\r/F/" },
	{ FRAMING_OCTET_COUNTED, "5 ab", "cde", "Pab/Fcde/" },
	{ FRAMING_OCTET_COUNTED, "5 ", "abcde", "Fabcde/" },
	{ FRAMING_OCTET_COUNTED, "1", "2 123456789012", "F123456789012/" },
	{ FRAMING_CHUNK, "ab", "cd", "Fab/Fcd/" },
};

START_TEST(flushes_an_unfinished_record)
{
	unsigned char memory[FRAMER_READ + 128];
	struct result result = { .size = 0 };
	struct framer framer;
	struct slice slice;
	enum frame frame;

	framer_init(&framer, flushes[_i].framing, 64);
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

START_TEST(each_read_of_a_chunk_is_a_record)
{
	unsigned char memory[FRAMER_READ + 128];
	struct result result = { .size = 0 };
	struct framer framer;
	size_t free_size;

	framer_init(&framer, FRAMING_CHUNK, 4);
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

	framer_init(&framer, FRAMING_LINE, 1);
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
	tcase_add_test(tests, each_read_of_a_chunk_is_a_record);
	tcase_add_test(tests, searches_each_byte_of_an_endless_record_once);
	suite_add_tcase(suite, tests);
	return suite;
}
