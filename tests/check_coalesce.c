/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "input/coalesce.h"

/* Many reads of one kind: is their peer busy after them? */
static const struct {
	size_t reads, size;
	long long gap_ms;
	unsigned long others; /* reads of other peers in between */
	bool active;
} peers[] = {
	{ 10000, 100, 3, 0, false },       /* quiet: never kept waiting */
	{ 7, 100, 0, 0, false },           /* a few lines in a row */
	{ 100, 100, 0, 0, true },          /* small writes one after another */
	{ 100, 1, 2, 0, true },            /* single bytes */
	{ 10000, 16384, 0, 0, false },     /* each is worth its wake-up */
	{ 10000, 0, 0, 0, false },         /* nothing was there */
	{ 10000, 100, 20, 83, false },     /* others, but not that many */
	{ 100, 100, 20, 84, true },        /* one of many that are */
	{ 100, 100, 100, 404, true },      /* the same */
	{ 10000, 100, 101, 9999, false },  /* quiet among the busy */
	{ 10000, 20000, 20, 9999, false }, /* worth it without them */
};

static struct coalesce
after(size_t reads, size_t size, long long gap_ms, unsigned long others)
{
	struct coalesce coalesce = { 0 };

	for (size_t i = 0; i < reads && !coalesce.active; i++)
		coalesce_read(&coalesce, size, gap_ms, others);
	return coalesce;
}

START_TEST(is_busy_when_small_reads_follow_each_other)
{
	struct coalesce coalesce = after(peers[_i].reads, peers[_i].size,
					 peers[_i].gap_ms, peers[_i].others);

	ck_assert_int_eq(coalesce.active, peers[_i].active);
}
END_TEST

START_TEST(a_pause_begins_the_count_anew)
{
	struct coalesce coalesce = after(7, 100, 0, 0);

	coalesce_read(&coalesce, 100, 1000, 0);
	for (int i = 0; i < 7; i++)
		coalesce_read(&coalesce, 100, 0, 0);
	ck_assert(!coalesce.active);
	coalesce_read(&coalesce, 100, 0, 0);
	ck_assert(coalesce.active);
}
END_TEST

/* What the read after a wait brought: is it worth another? */
static const struct {
	size_t size;
	long long gap_ms;
	unsigned long others;
	bool active;
} wakes[] = {
	{ 0, 2, 0, false },    /* the peer has paused */
	{ 100, 2, 0, false },  /* a write, which might have been read at once */
	{ 199, 2, 0, false },  /* not quite two */
	{ 200, 2, 0, true },   /* two writes in one read */
	{ 20000, 2, 0, true }, /* many */
	{ 32768, 2, 99, false }, /* so much that it is not to be held back */
	{ 100, 2, 5, false },    /* one write, and few others */
	{ 100, 2, 6, true },     /* one write of one of many */
	{ 100, 0, 0, false },    /* at once, and alone */
};

START_TEST(stays_busy_while_waiting_brings_writes_together)
{
	struct coalesce coalesce = after(100, 100, 0, 0);

	for (int i = 0; i < 100; i++) {
		coalesce_read(&coalesce, 300, 2, 0);
		ck_assert(coalesce.active);
	}
	coalesce_read(&coalesce, wakes[_i].size, wakes[_i].gap_ms,
		      wakes[_i].others);
	ck_assert_int_eq(coalesce.active, wakes[_i].active);
}
END_TEST

START_TEST(tells_whether_the_last_read_was_large)
{
	struct coalesce coalesce = after(100, 100, 0, 0);

	ck_assert(!coalesce.is_large);
	coalesce_read(&coalesce, 32768, 1, 0);
	ck_assert(coalesce.is_large);
	coalesce_read(&coalesce, 65536, 1, 0);
	ck_assert(coalesce.is_large);
	coalesce_read(&coalesce, 20000, 1, 0);
	ck_assert(!coalesce.is_large);
	coalesce_read(&coalesce, 40000, 1, 0);
	coalesce_read(&coalesce, 100, 1, 0);
	ck_assert(!coalesce.is_large);
}
END_TEST

/* Who waits for each line to be logged would be held back for nothing. */
START_TEST(waits_seldom_where_that_is_for_nothing)
{
	struct coalesce coalesce = { 0 };
	int waits = 0;

	for (int i = 0; i < 100000; i++) {
		waits += coalesce.active;
		coalesce_read(&coalesce, 100, 0, 0);
	}
	ck_assert_int_lt(waits, 40);
	for (int i = 0; i < 5000 && !coalesce.active; i++)
		coalesce_read(&coalesce, 100, 0, 0);
	coalesce_read(&coalesce, 200, 2, 0);
	ck_assert(coalesce.active);
	coalesce_read(&coalesce, 0, 2, 0);
	for (int i = 0; i < 16; i++)
		coalesce_read(&coalesce, 100, 0, 0);
	ck_assert(coalesce.active);
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))

SUITE(coalesce)
{
	Suite *suite = suite_create("coalesce");
	TCase *tests = tcase_create("coalesce");

	tcase_add_loop_test(tests, is_busy_when_small_reads_follow_each_other,
			    0, COUNT(peers));
	tcase_add_test(tests, a_pause_begins_the_count_anew);
	tcase_add_loop_test(tests,
			    stays_busy_while_waiting_brings_writes_together, 0,
			    COUNT(wakes));
	tcase_add_test(tests, tells_whether_the_last_read_was_large);
	tcase_add_test(tests, waits_seldom_where_that_is_for_nothing);
	suite_add_tcase(suite, tests);
	return suite;
}
