/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "client/top_rows.h"

#ifdef HAVE_JANSSON

static struct top top;

static void
clean_up(void)
{
	top_free(&top);
}

/* A look at a daemon that has one listener and one peer. */
static void
look(const char *status, const char *who)
{
	struct answer answers[2] = { 0 };

	buffer_add(&answers[0].text, status, strlen(status));
	buffer_add(&answers[1].text, who, strlen(who));
	top_update(&top, &answers[0], &answers[1]);
	answer_free(&answers[0]);
	answer_free(&answers[1]);
}

static void
look_at(int ms, int records)
{
	char status[512];

	snprintf(status, sizeof status,
		 "{\"portlog\":\"1\",\"format\":1,\"monotonic_ms\":%d}\n"
		 "{\"daemon\":\"serving\",\"pid\":1}\n"
		 "{\"listener\":\"tcp/1\",\"records\":%d,\"bytes\":%d}\n"
		 "{\"output\":\"log\",\"records\":1,\"bytes\":2,"
		 "\"stalled\":true,\"reason\":\"ENOSPC\"}\n"
		 "{\"end\":true}\n",
		 ms, records, 10 * records);
	look(status, "{\"listener\":\"tcp/1\",\"peer\":\"::1\",\"port\":7,"
		     "\"records\":1,\"bytes\":2}\n{\"end\":true}\n");
}

START_TEST(rates_are_by_the_clock_of_the_daemon)
{
	look_at(1000, 100);
	ck_assert_uint_eq(top.listeners.count, 1);
	ck_assert(top.listeners.list[0].record_rate < 0);
	look_at(3000, 150);
	ck_assert_double_eq(top.listeners.list[0].record_rate, 25);
	ck_assert_double_eq(top.listeners.list[0].byte_rate, 250);
}
END_TEST

START_TEST(a_counter_that_began_anew_has_no_rate)
{
	look_at(1000, 100);
	look_at(2000, 10);
	ck_assert(top.listeners.list[0].record_rate < 0);
	look_at(3000, 30);
	ck_assert_double_eq(top.listeners.list[0].record_rate, 20);
}
END_TEST

START_TEST(who_is_gone_is_no_longer_shown)
{
	look_at(1000, 1);
	ck_assert_uint_eq(top.peers.count, 1);
	ck_assert_str_eq(top.peers.list[0].name, "[::1]:7");
	ck_assert_str_eq(top.outputs.list[0].trouble, "ENOSPC");
	look("{\"monotonic_ms\":2000}\n", "{\"end\":true}\n");
	ck_assert_uint_eq(top.peers.count, 0);
	ck_assert_uint_eq(top.listeners.count, 0);
	ck_assert_uint_eq(top.outputs.count, 0);
}
END_TEST

START_TEST(nothing_reaches_the_terminal_that_it_would_act_on)
{
	look("{\"monotonic_ms\":1}\n{\"listener\":\"a\\u001b[2J\\u009b\","
	     "\"records\":1,\"bytes\":1}\n",
	     "{\"end\":true}\n");
	ck_assert_str_eq(top.listeners.list[0].name, "a?[2J??");
}
END_TEST

SUITE(top_rows)
{
	Suite *suite = suite_create("top_rows");
	TCase *tests = tcase_create("top_rows");

	tcase_add_checked_fixture(tests, NULL, clean_up);
	tcase_add_test(tests, rates_are_by_the_clock_of_the_daemon);
	tcase_add_test(tests, a_counter_that_began_anew_has_no_rate);
	tcase_add_test(tests, who_is_gone_is_no_longer_shown);
	tcase_add_test(tests,
		       nothing_reaches_the_terminal_that_it_would_act_on);
	suite_add_tcase(suite, tests);
	return suite;
}

#else

SUITE(top_rows)
{
	return suite_create("top_rows");
}

#endif
