/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <dirent.h>
#include <semaphore.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "base/worker.h"

#define TASKS 100
#define PATIENCE_S 10

/* The thread sanitizer has some of its own. */
#define FEW 5

/* A task that says which thread runs it, and waits until it may end. */
struct task {
	sem_t begun, may_end;
	pid_t thread;
};

static struct task tasks[TASKS];

static void *
run(void *argument)
{
	struct task *t = argument;

	t->thread = gettid();
	sem_post(&t->begun);
	while (sem_wait(&t->may_end) != 0)
		;
	return NULL;
}

static void
start(struct task *t)
{
	sem_init(&t->begun, 0, 0);
	sem_init(&t->may_end, 0, 0);
	ck_assert_int_eq(worker_start(run, t), 0);
	while (sem_wait(&t->begun) != 0)
		;
}

static size_t
count_threads(void)
{
	DIR *directory = opendir("/proc/self/task");
	size_t count = 0;

	ck_assert_ptr_nonnull(directory);
	for (struct dirent *e; (e = readdir(directory));)
		count += e->d_name[0] != '.';
	closedir(directory);
	return count;
}

static void
pause_briefly(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
}

START_TEST(tasks_run_at_the_same_time_each_in_a_thread_of_its_own)
{
	for (size_t i = 0; i < TASKS; i++)
		start(&tasks[i]);
	for (size_t i = 0; i < TASKS; i++)
		for (size_t j = 0; j < i; j++)
			ck_assert_int_ne(tasks[i].thread, tasks[j].thread);
	for (size_t i = 0; i < TASKS; i++)
		sem_post(&tasks[i].may_end);
}
END_TEST

/* It may not wait yet when the next task comes: then that has a new one. */
START_TEST(a_thread_that_is_done_runs_the_next_task)
{
	bool is_same = false;

	for (size_t i = 1; i < TASKS && !is_same; i++) {
		start(&tasks[0]);
		sem_post(&tasks[0].may_end);
		pause_briefly();
		start(&tasks[1]);
		sem_post(&tasks[1].may_end);
		pause_briefly();
		is_same = tasks[0].thread == tasks[1].thread;
	}
	ck_assert(is_same);
}
END_TEST

START_TEST(threads_that_wait_in_vain_end)
{
	time_t until = time(NULL) + PATIENCE_S;

	for (size_t i = 0; i < TASKS; i++)
		start(&tasks[i]);
	ck_assert_uint_ge(count_threads(), TASKS);
	for (size_t i = 0; i < TASKS; i++)
		sem_post(&tasks[i].may_end);
	while (count_threads() >= FEW && time(NULL) < until)
		pause_briefly();
	ck_assert_uint_lt(count_threads(), FEW);
	/* And the next task runs all the same. */
	start(&tasks[0]);
	sem_post(&tasks[0].may_end);
}
END_TEST

SUITE(worker)
{
	Suite *suite = suite_create("worker");
	TCase *tests = tcase_create("all");

	tcase_set_timeout(tests, 2 * PATIENCE_S);
	tcase_add_test(tests,
		       tasks_run_at_the_same_time_each_in_a_thread_of_its_own);
	tcase_add_test(tests, a_thread_that_is_done_runs_the_next_task);
	tcase_add_test(tests, threads_that_wait_in_vain_end);
	suite_add_tcase(suite, tests);
	return suite;
}
