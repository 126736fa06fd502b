/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/lines.h"

static struct input input;
static struct lines lines;
static int writer;

static void
set_up(void)
{
	int ends[2];

	ck_assert(pipe(ends) == 0);
	input = (struct input){ .fd = ends[0], .left = -1 };
	lines = (struct lines){ .input = &input };
	writer = ends[1];
}

static void
tear_down(void)
{
	lines_free(&lines);
	close(input.fd);
	close(writer);
}

static void
put(const char *text)
{
	ck_assert_int_eq(write(writer, text, strlen(text)), strlen(text));
}

/* The end of what was put. */
static void
end(void)
{
	close(writer);
	writer = -1;
}

static void
expect(const char *text, bool is_whole)
{
	struct line line;

	ck_assert(lines_next(&lines, &line));
	ck_assert_uint_eq(line.size, strlen(text));
	ck_assert_mem_eq(line.text, text, line.size);
	ck_assert(line.is_whole == is_whole);
}

static void
expect_end(void)
{
	struct line line;

	ck_assert(!lines_next(&lines, &line));
	ck_assert(!lines_next(&lines, &line));
	ck_assert_int_eq(lines.error, 0);
}

START_TEST(a_last_line_may_lack_its_newline)
{
	put("one\n\nthree");
	end();
	expect("one", true);
	expect("", true);
	expect("three", false);
	ck_assert_uint_eq(lines.number, 3);
	expect_end();
}
END_TEST

START_TEST(what_was_read_is_returned_without_reading)
{
	struct line line;

	ck_assert(!lines_held(&lines, &line));
	put("one\ntwo\nth");
	ck_assert(lines_read(&lines));
	ck_assert(lines_held(&lines, &line) && lines_held(&lines, &line));
	ck_assert_mem_eq(line.text, "two", 3);
	ck_assert(!lines_held(&lines, &line));
	put("ree\n");
	ck_assert(lines_read(&lines) && lines_held(&lines, &line));
	ck_assert_uint_eq(line.size, 5);
	ck_assert_mem_eq(line.text, "three", 5);
	end();
	expect_end();
}
END_TEST

/* A file of 6 bytes, in whose last line more was written since. */
START_TEST(the_last_line_begins_before_the_size)
{
	input.left = 6;
	put("one\ntwo\nthree\n");
	expect("one", true);
	expect("two", true);
	expect_end();
}
END_TEST

START_TEST(no_line_begins_at_the_size)
{
	input.left = 4;
	put("one\ntwo\n");
	expect("one", true);
	expect_end();
}
END_TEST

START_TEST(a_line_is_read_in_many_blocks)
{
	static const size_t blocks = 1000;
	struct line line;

	for (size_t i = 0; i < blocks; i++) {
		put("block");
		ck_assert(lines_read(&lines));
		ck_assert(!lines_held(&lines, &line));
	}
	put("\nx\n");
	ck_assert(lines_next(&lines, &line));
	ck_assert_uint_eq(line.size, 5 * blocks);
	ck_assert_mem_eq(line.text + line.size - 5, "block", 5);
	expect("x", true);
}
END_TEST

SUITE(lines)
{
	Suite *suite = suite_create("lines");
	TCase *cases = tcase_create("core");

	tcase_add_checked_fixture(cases, set_up, tear_down);
	tcase_add_test(cases, a_last_line_may_lack_its_newline);
	tcase_add_test(cases, what_was_read_is_returned_without_reading);
	tcase_add_test(cases, the_last_line_begins_before_the_size);
	tcase_add_test(cases, no_line_begins_at_the_size);
	tcase_add_test(cases, a_line_is_read_in_many_blocks);
	suite_add_tcase(suite, cases);
	return suite;
}
