/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "input/coalesce.h"

/* So many reads of one kind: is the connection active after them? */
static const struct {
	size_t reads, size;
	long long gap_ms;
	unsigned long others; /* reads of other peers in between */
	bool active;
} peers[] = {
	{ 10000, 100, 3, 0, false },       /* too far apart */
	{ 7, 100, 0, 0, false },           /* a few lines in a row */
	{ 100, 100, 0, 0, true },          /* small writes one after another */
	{ 100, 1, 2, 0, true },            /* single bytes */
	{ 10000, 16384, 0, 0, false },     /* each worth a wake-up */
	{ 10000, 0, 0, 0, false },         /* nothing to read */
	{ 10000, 100, 20, 83, false },     /* too few others */
	{ 100, 100, 20, 84, true },        /* just enough others */
	{ 100, 100, 100, 404, true },      /* the same */
	{ 10000, 100, 101, 9999, false },  /* too far apart, with others */
	{ 10000, 20000, 20, 9999, false }, /* too large, with others */
};

static struct coalesce
after(size_t reads, size_t size, long long gap_ms, unsigned long others)
{
	struct coalesce coalesce = { 0 };

	for (size_t i = 0; i < reads && !coalesce.active; i++)
		coalesce_read(&coalesce, size, gap_ms, others);
	return coalesce;
}

START_TEST(is_active_after_small_reads_close_together)
{
	struct coalesce coalesce = after(peers[_i].reads, peers[_i].size,
					 peers[_i].gap_ms, peers[_i].others);

	ck_assert_int_eq(coalesce.active, peers[_i].active);
}
END_TEST

START_TEST(a_pause_resets_the_count)
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

/* The read after a wait: is the connection still active? */
static const struct {
	size_t size;
	long long gap_ms;
	unsigned long others;
	bool active;
} wakes[] = {
	{ 0, 2, 0, false },      /* nothing to read */
	{ 100, 2, 0, false },    /* one write: no gain */
	{ 199, 2, 0, false },    /* not quite two writes */
	{ 200, 2, 0, true },     /* two writes in one read */
	{ 20000, 2, 0, true },   /* many writes */
	{ 32768, 2, 99, false }, /* so large that it must not be delayed */
	{ 100, 2, 5, false },    /* one write, too few others */
	{ 100, 2, 6, true },     /* one write, enough others */
	{ 100, 0, 0, false },    /* no gap, no others */
};

START_TEST(stays_active_while_waiting_is_worth_it)
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

START_TEST(knows_whether_the_last_read_was_large)
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

/*
 * A peer that sends a line only after the one before was logged gains nothing
 * from waiting.
 */
START_TEST(waits_seldom_where_it_is_not_worth_it)
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

	tcase_add_loop_test(tests, is_active_after_small_reads_close_together,
			    0, COUNT(peers));
	tcase_add_test(tests, a_pause_resets_the_count);
	tcase_add_loop_test(tests, stays_active_while_waiting_is_worth_it, 0,
			    COUNT(wakes));
	tcase_add_test(tests, knows_whether_the_last_read_was_large);
	tcase_add_test(tests, waits_seldom_where_it_is_not_worth_it);
	suite_add_tcase(suite, tests);
	return suite;
}
