/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdatomic.h>
#include <unistd.h>

#include "base/thread.h"
#include "input/turns.h"

#define ROUNDS 50

static struct turns turns;
static atomic_bool had_one;

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

static void *
take_one(void *unused)
{
	(void)unused;
	turns_await(&turns);
	atomic_store(&had_one, true);
	turns_end(&turns);
	return NULL;
}

/* Else who has it would have it again before the other has woken up. */
START_TEST(who_has_had_one_is_behind_who_waits)
{
	turns_init(&turns, 2);
	turns_await(&turns); /* so that there is but one */
	turns_await(&turns);
	for (int i = 0; i < ROUNDS; i++) {
		pthread_t other;

		atomic_store(&had_one, false);
		ck_assert_int_eq(thread_start(&other, take_one, NULL), 0);
		while (pthread_mutex_trylock(&turns.queue) == 0) {
			pthread_mutex_unlock(&turns.queue);
			usleep(100);
		}
		turns_end(&turns);
		turns_await(&turns);
		ck_assert(atomic_load(&had_one));
		pthread_join(other, NULL);
	}
	turns_destroy(&turns);
}
END_TEST

SUITE(turns)
{
	Suite *suite = suite_create("turns");
	TCase *tests = tcase_create("all");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, there_are_so_many);
	tcase_add_test(tests, who_has_had_one_is_behind_who_waits);
	suite_add_tcase(suite, tests);
	return suite;
}
