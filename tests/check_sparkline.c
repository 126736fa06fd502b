/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdint.h>
#include <string.h>

#include "client/sparkline.h"

static void
add_all(struct sparkline *s, const double *values, size_t count)
{
	*s = (struct sparkline){ 0 };
	for (size_t i = 0; i < count; i++)
		sparkline_add(s, values[i]);
}

START_TEST(the_largest_value_has_the_highest_bar)
{
	static const double values[] = { -1, 0, 0.1, 4, 8 };
	char text[SPARKLINE_TEXT];
	struct sparkline s;

	add_all(&s, values, 5);
	sparkline_put(&s, 60, true, text);
	ck_assert_str_eq(text, "? ▁▅█");
	sparkline_put(&s, 60, false, text);
	ck_assert_str_eq(text, "? _+#");
}
END_TEST

START_TEST(the_newest_values_are_shown_by_the_scale_of_these)
{
	static const double values[] = { 100, 1, 2 };
	char text[SPARKLINE_TEXT];
	struct sparkline s;

	add_all(&s, values, 3);
	sparkline_put(&s, 2, false, text);
	ck_assert_str_eq(text, "+#");
	sparkline_put(&s, 0, false, text);
	ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(only_the_last_values_are_kept)
{
	char text[SPARKLINE_TEXT];
	struct sparkline s = { 0 };

	for (int i = 0; i < SPARKLINE_VALUES; i++)
		sparkline_add(&s, 1);
	sparkline_add(&s, 0);
	sparkline_put(&s, SIZE_MAX, true, text);
	ck_assert_uint_eq(strlen(text), 3 * (SPARKLINE_VALUES - 1) + 1);
}
END_TEST

SUITE(sparkline)
{
	Suite *suite = suite_create("sparkline");
	TCase *tests = tcase_create("sparkline");

	tcase_add_test(tests, the_largest_value_has_the_highest_bar);
	tcase_add_test(tests,
		       the_newest_values_are_shown_by_the_scale_of_these);
	tcase_add_test(tests, only_the_last_values_are_kept);
	suite_add_tcase(suite, tests);
	return suite;
}
