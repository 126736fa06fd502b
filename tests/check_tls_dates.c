/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "input/tls_dates.h"

#define DAY 86400
/* 2027-01-31T12:00:00Z */
#define END 1801396800

static const struct {
	time_t now;
	const char *text;
	bool is_warning;
} rows[] = {
	{ END - 90 * DAY, "certificate valid until 2027-01-31", false },
	{ END - 15 * DAY, "certificate valid until 2027-01-31", false },
	{ END - 15 * DAY + 1, "certificate expires on 2027-01-31, in 14 days",
	  true },
	{ END - 2 * DAY + 1, "certificate expires on 2027-01-31, in 1 day",
	  true },
	{ END, "certificate expires on 2027-01-31, in 0 days", true },
	{ END + 1, "certificate expired on 2027-01-31", true },
	{ END - 100 * DAY - 1, "certificate not valid before 2026-10-23",
	  true },
};

START_TEST(says_until_when_and_warns_two_weeks_before)
{
	const struct tls_dates dates = { .valid_from = END - 100 * DAY,
					 .valid_until = END };
	char text[TLS_DATES_TEXT];

	ck_assert_int_eq(tls_dates_describe(&dates, rows[_i].now, text),
			 rows[_i].is_warning);
	ck_assert_str_eq(text, rows[_i].text);
}
END_TEST

START_TEST(warns_of_a_list_that_is_too_old)
{
	struct tls_dates dates = { .revoked_until = 0 };
	char text[TLS_DATES_TEXT];

	ck_assert(!tls_dates_describe_revoked(&dates, END, text));
	dates.revoked_until = END;
	ck_assert(!tls_dates_describe_revoked(&dates, END, text));
	ck_assert(tls_dates_describe_revoked(&dates, END + 1, text));
	ck_assert_str_eq(text, "list of revoked certificates out of date since "
			       "2027-01-31: whom it is about is refused");
}
END_TEST

SUITE(tls_dates)
{
	Suite *suite = suite_create("tls_dates");
	TCase *tests = tcase_create("tls_dates");

	tcase_add_loop_test(tests, says_until_when_and_warns_two_weeks_before,
			    0, sizeof rows / sizeof *rows);
	tcase_add_test(tests, warns_of_a_list_that_is_too_old);
	suite_add_tcase(suite, tests);
	return suite;
}
