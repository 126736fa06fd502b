/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "output/commit.h"

#define THREADS 8

/* An act that waits to be let go on, and counts. */
static struct acting {
	sem_t begun, may_end;
	atomic_uint count;
} acting;

static struct commit commit;

static unsigned
act(void *context)
{
	struct acting *a = context;

	unsigned number = atomic_fetch_add(&a->count, 1) + 1;

	sem_post(&a->begun);
	sem_wait(&a->may_end);
	return number;
}

static void
set_up(void)
{
	sem_init(&acting.begun, 0, 0);
	sem_init(&acting.may_end, 0, 0);
	acting.count = 0;
	commit_init(&commit, act, &acting);
}

static void
clean_up(void)
{
	commit_destroy(&commit);
	sem_destroy(&acting.begun);
	sem_destroy(&acting.may_end);
}

static void *
wait_main(void *argument)
{
	unsigned *result = argument;

	*result = commit_wait(&commit);
	return NULL;
}

/* Let one act end at once. */
static unsigned
wait_alone(void)
{
	sem_post(&acting.may_end);
	return commit_wait(&commit);
}

START_TEST(each_wait_alone_is_an_act)
{
	ck_assert_uint_eq(wait_alone(), 1);
	ck_assert_uint_eq(wait_alone(), 2);
	ck_assert_uint_eq(acting.count, 2);
	ck_assert_uint_eq(commit_waiting(&commit), 0);
}
END_TEST

/* All wait while an act goes on, which was begun before they came. */
START_TEST(who_comes_in_the_middle_shares_the_next_act)
{
	pthread_t threads[THREADS];
	unsigned results[THREADS];

	pthread_create(&threads[0], NULL, wait_main, &results[0]);
	sem_wait(&acting.begun);
	for (size_t i = 1; i < THREADS; i++)
		pthread_create(&threads[i], NULL, wait_main, &results[i]);
	while (commit_waiting(&commit) < THREADS)
		sched_yield();
	sem_post(&acting.may_end);
	sem_wait(&acting.begun);
	pthread_join(threads[0], NULL);
	ck_assert_uint_eq(commit_waiting(&commit), THREADS - 1);
	sem_post(&acting.may_end);
	ck_assert_uint_eq(results[0], 1);
	for (size_t i = 1; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_uint_eq(results[i], 2);
	}
	ck_assert_uint_eq(acting.count, 2);
}
END_TEST

SUITE(commit)
{
	Suite *suite = suite_create("commit");
	TCase *tests = tcase_create("commit");

	tcase_add_checked_fixture(tests, set_up, clean_up);
	tcase_add_test(tests, each_wait_alone_is_an_act);
	tcase_add_test(tests, who_comes_in_the_middle_shares_the_next_act);
	suite_add_tcase(suite, tests);
	return suite;
}
