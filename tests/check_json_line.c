/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_line.h"
#include "client/table.h"

static char *
line_of(const char *text)
{
	char *out = malloc(JSON_LINE);
	struct json_line line = { out };

	json_line_begin(&line);
	json_line_add_text(&line, "t", text);
	json_line_end(&line);
	*line.end = '\0';
	return out;
}

static const struct {
	const char *text, *line;
} texts[] = {
	{ "", "{\"t\":\"\"}\n" },
	{ "a\"b\\c", "{\"t\":\"a\\\"b\\\\c\"}\n" },
	{ "\n\x1b", "{\"t\":\"\\n\\u001b\"}\n" },
	{ "\xc3\xa9", "{\"t\":\"\xc3\xa9\"}\n" },
	{ "\xff", "{\"t\":\"\xef\xbf\xbd\"}\n" },
	{ "a\xc3", "{\"t\":\"a\xef\xbf\xbd\"}\n" },
	{ "\xff\xff z", "{\"t\":\"\xef\xbf\xbd\xef\xbf\xbd z\"}\n" },
};

START_TEST(texts_are_escaped)
{
	char *line = line_of(texts[_i].text);

	ck_assert_str_eq(line, texts[_i].line);
	free(line);
}
END_TEST

START_TEST(all_kinds_of_members)
{
	char out[JSON_LINE];
	struct json_line line = { out };

	json_line_begin(&line);
	json_line_add_number(&line, "n", 18446744073709551615ULL);
	json_line_add_ms(&line, "s", 1002);
	json_line_add_bool(&line, "b", false);
	json_line_add_text(&line, "t", "x");
	json_line_end(&line);
	*line.end = '\0';
	ck_assert_str_eq(out, "{\"n\":18446744073709551615,\"s\":1.002,"
			      "\"b\":false,\"t\":\"x\"}\n");
}
END_TEST

/* Of the longest, which grows most, two and much else are less than a line. */
START_TEST(a_long_text_is_cut)
{
	char text[3 * JSON_LINE_TEXT], *line;

	memset(text, 1, sizeof text);
	text[sizeof text - 1] = '\0';
	line = line_of(text);
	ck_assert_uint_eq(strlen(line),
			  6 * JSON_LINE_TEXT + strlen("{\"t\":\"\"}\n"));
	ck_assert_uint_lt(2 * strlen(line) + 30 * 40, JSON_LINE);
	free(line);
}
END_TEST

static const struct {
	double value;
	const char *count, *seconds;
} numbers[] = {
	{ 0, "0", "0s" },
	{ 59.9, "60", "59s" },
	{ 250, "250", "4m10" },
	{ 9999, "9999", "2h46" },
	{ 10000, "10.0k", "2h46" },
	{ 273600, "273.6k", "3d04h" },
	{ 999950, "1.0M", "11d13h" },
	{ 1.8e19, "18.0E", NULL },
	{ 1.8e22, "18000.0E", NULL },
};

START_TEST(numbers_for_people)
{
	char text[TABLE_NUMBER];

	table_format_count(text, numbers[_i].value);
	ck_assert_str_eq(text, numbers[_i].count);
	if (!numbers[_i].seconds)
		return;
	table_format_seconds(text, numbers[_i].value);
	ck_assert_str_eq(text, numbers[_i].seconds);
}
END_TEST

SUITE(json_line)
{
	Suite *suite = suite_create("json_line");
	TCase *tests = tcase_create("json_line");

	tcase_add_loop_test(tests, texts_are_escaped, 0,
			    sizeof texts / sizeof *texts);
	tcase_add_test(tests, all_kinds_of_members);
	tcase_add_test(tests, a_long_text_is_cut);
	tcase_add_loop_test(tests, numbers_for_people, 0,
			    sizeof numbers / sizeof *numbers);
	suite_add_tcase(suite, tests);
	return suite;
}
