/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "input/fold.h"

#define MOST 512

static const struct origin peers[2];
static struct record records[MOST];
static char notes[MOST / FOLD_LEAST][FOLD_NOTE];

/*
 * A letter is a record of the first peer with it as data, "." an empty one, ","
 * one of the other peer; "P" is an empty piece, "E" the empty end of a stream.
 */
static size_t
make(const char *letters)
{
	size_t count = strlen(letters);

	for (size_t i = 0; i < count; i++) {
		bool is_data = !strchr(".,PE", letters[i]);

		records[i] = (struct record){
			.time.tv_sec = (time_t)i,
			.origin = &peers[letters[i] == ','],
			.number = i + 1,
			.data = (const unsigned char *)&letters[i],
			.size = is_data,
			.tag = letters[i] == 'P' ? TAG_PIECE
			     : letters[i] == 'E' ? TAG_END
						 : TAG_WHOLE,
		};
	}
	return count;
}

/* Letters as make() has them; a note is its number in brackets. */
static void
describe(size_t count, char *text)
{
	for (size_t i = 0; i < count; i++) {
		const struct record *r = &records[i];
		unsigned more;

		if (r->tag != TAG_NOTE) {
			*text++ = (char)*r->data;
			continue;
		}
		ck_assert_uint_eq(r->number, 0);
		ck_assert_uint_eq(r->size, strlen((const char *)r->data));
		ck_assert_int_eq(sscanf((const char *)r->data,
					"empty records=%u", &more),
				 1);
		text += sprintf(text, "(%u)", more);
	}
	*text = '\0';
}

START_TEST(a_run_becomes_a_record_and_a_note)
{
	static const struct {
		const char *before, *after;
	} cases[] = {
		{ "", "" },
		{ "a", "a" },
		{ ".", "." },
		{ "..", ".." },
		{ "...", ".(2)" },
		{ "a....b", "a.(3)b" },
		{ "..a...", "..a.(2)" },
		{ "...a...b...", ".(2)a.(2)b.(2)" },
		{ "..,,", "..,," },
		{ "...,,,", ".(2),(2)" },
		{ ".,.,.,", ".,.,.," },
		{ "PPP", "PPP" },
		{ "..E", "..E" },
		{ "...E", ".(2)E" },
		{ "...P", ".(2)P" },
	};
	char found[3 * MOST];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t count = make(cases[i].before);

		describe(fold_empty(records, count, notes), found);
		ck_assert_str_eq(found, cases[i].after);
	}
}
END_TEST

START_TEST(a_note_has_the_time_and_the_peer_of_the_last)
{
	ck_assert_uint_eq(fold_empty(records, make("a,,,,"), notes), 3);
	ck_assert_int_eq(records[1].time.tv_sec, 1);
	ck_assert_uint_eq(records[1].number, 2);
	ck_assert_int_eq(records[2].time.tv_sec, 4);
	ck_assert_ptr_eq(records[2].origin, &peers[1]);
}
END_TEST

START_TEST(there_is_room_for_the_most_notes)
{
	char all[MOST + 1], found[3 * MOST];

	for (size_t i = 0; i < MOST; i++)
		all[i] = i / 3 % 2 ? ',' : '.';
	all[MOST] = '\0';
	ck_assert_uint_eq(fold_empty(records, make(all), notes),
			  MOST / 3 * 2 + 2);
	memset(all, '.', MOST);
	describe(fold_empty(records, make(all), notes), found);
	ck_assert_str_eq(found, ".(511)");
}
END_TEST

SUITE(fold)
{
	Suite *suite = suite_create("fold");
	TCase *tests = tcase_create("fold");

	tcase_add_test(tests, a_run_becomes_a_record_and_a_note);
	tcase_add_test(tests, a_note_has_the_time_and_the_peer_of_the_last);
	tcase_add_test(tests, there_is_room_for_the_most_notes);
	suite_add_tcase(suite, tests);
	return suite;
}
