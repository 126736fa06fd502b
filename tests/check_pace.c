/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "pace.h"

/* Many reads of one kind: is their peer busy after them? */
static const struct {
	size_t reads, size;
	long long gap_ms;
	bool busy;
} peers[] = {
	{ 10000, 100, 3, false },  /* quiet: never kept waiting */
	{ 20, 100, 0, false },     /* a few lines in a row */
	{ 100, 100, 0, true },     /* small writes one after another */
	{ 100, 1, 2, true },       /* single bytes */
	{ 10000, 4096, 0, false }, /* each read is worth its wake-up */
	{ 10000, 0, 0, false },    /* nothing was there */
};

static struct pace
after(size_t reads, size_t size, long long gap_ms)
{
	struct pace pace = { 0 };

	for (size_t i = 0; i < reads && !pace.busy; i++)
		pace_read(&pace, size, gap_ms);
	return pace;
}

START_TEST(is_busy_when_small_reads_follow_each_other)
{
	struct pace pace =
		after(peers[_i].reads, peers[_i].size, peers[_i].gap_ms);

	ck_assert_int_eq(pace.busy, peers[_i].busy);
}
END_TEST

START_TEST(a_pause_begins_the_count_anew)
{
	struct pace pace = after(31, 100, 0);

	pace_read(&pace, 100, 1000);
	for (int i = 0; i < 31; i++)
		pace_read(&pace, 100, 0);
	ck_assert(!pace.busy);
	pace_read(&pace, 100, 0);
	ck_assert(pace.busy);
}
END_TEST

/* What the read after a sleep brought: is it worth another? */
static const struct {
	size_t size;
	bool busy;
} wakes[] = {
	{ 0, false },     /* the peer has paused */
	{ 100, false },   /* a write, which might have been read at once */
	{ 199, false },   /* not quite two */
	{ 200, true },    /* two writes in one read */
	{ 20000, true },  /* many */
	{ 32768, false }, /* so much that it is not to be held back */
};

START_TEST(stays_busy_while_its_sleeps_bring_writes_together)
{
	struct pace pace = after(100, 100, 0);

	for (int i = 0; i < 100; i++) {
		pace_read(&pace, 300, 2);
		ck_assert(pace.busy);
	}
	pace_read(&pace, wakes[_i].size, 2);
	ck_assert_int_eq(pace.busy, wakes[_i].busy);
}
END_TEST

/* Who waits for each line to be logged would be held back for nothing. */
START_TEST(sleeps_seldom_where_that_is_for_nothing)
{
	struct pace pace = { 0 };
	int sleeps = 0;

	for (int i = 0; i < 100000; i++) {
		sleeps += pace.busy;
		pace_read(&pace, 100, 0);
	}
	ck_assert_int_lt(sleeps, 40);
	for (int i = 0; i < 5000 && !pace.busy; i++)
		pace_read(&pace, 100, 0);
	pace_read(&pace, 200, 2);
	ck_assert(pace.busy);
	pace_read(&pace, 0, 2);
	for (int i = 0; i < 64; i++)
		pace_read(&pace, 100, 0);
	ck_assert(pace.busy);
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))

Suite *
pace_suite(void)
{
	Suite *suite = suite_create("pace");
	TCase *tests = tcase_create("pace");

	tcase_add_loop_test(tests, is_busy_when_small_reads_follow_each_other,
			    0, COUNT(peers));
	tcase_add_test(tests, a_pause_begins_the_count_anew);
	tcase_add_loop_test(tests,
			    stays_busy_while_its_sleeps_bring_writes_together,
			    0, COUNT(wakes));
	tcase_add_test(tests, sleeps_seldom_where_that_is_for_nothing);
	suite_add_tcase(suite, tests);
	return suite;
}
