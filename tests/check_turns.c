/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdatomic.h>
#include <time.h>

#include "base/thread.h"
#include "input/turns.h"

#define THREADS 4
#define ALL_TURNS 2000
#define TURN_NS 100000

static struct turns turns;
static atomic_int taken;
static pthread_barrier_t all_have_begun;

START_TEST(there_are_so_many)
{
	turns_init(&turns, 2);
	ck_assert(turns_take(&turns));
	ck_assert(turns_take(&turns));
	ck_assert(!turns_take(&turns));
	turns_end(&turns);
	turns_await(&turns);
	ck_assert(!turns_take(&turns));
	turns_destroy(&turns);
}
END_TEST

/* Without a sleep, after which another thread would be first. */
static void
work(void)
{
	struct timespec begin, now;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - begin.tv_sec) * 1000000000 + now.tv_nsec -
			 begin.tv_nsec <
		 TURN_NS);
}

static void *
take_turns(void *argument)
{
	int *own = argument;

	pthread_barrier_wait(&all_have_begun);
	while (atomic_fetch_add(&taken, 1) < ALL_TURNS) {
		turns_await(&turns);
		work();
		++*own;
		turns_end(&turns);
	}
	return NULL;
}

/* Each wants the next turn at once: it would have it before others wake up. */
START_TEST(those_that_wait_share_them)
{
	pthread_t threads[THREADS];
	int own[THREADS] = { 0 };

	turns_init(&turns, 2);
	turns_await(&turns); /* so that there is but one */
	pthread_barrier_init(&all_have_begun, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(thread_start(&threads[i], take_turns, &own[i]),
				 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_ge(own[i], ALL_TURNS / THREADS / 4);
	pthread_barrier_destroy(&all_have_begun);
	turns_destroy(&turns);
}
END_TEST

SUITE(turns)
{
	Suite *suite = suite_create("turns");
	TCase *tests = tcase_create("all");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, there_are_so_many);
	tcase_add_test(tests, those_that_wait_share_them);
	suite_add_tcase(suite, tests);
	return suite;
}
