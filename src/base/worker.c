/* SPDX-License-Identifier: MIT */
#include "base/worker.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/thread.h"

/* How many wait at the most, and for how long: their stacks take 1 MiB. */
#define MOST_IDLE 64
#define PATIENCE_S 1

/* After so many threads the C library may hold memory that nobody needs. */
#define MANY_THREADS 256

struct worker {
	struct worker *next;
	void *(*task)(void *);
	void *argument;
	sem_t begins;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Under the lock; first the one that was busy last: its memory is at hand. */
static struct worker *idle;
static size_t idle_count;
static size_t started; /* threads, since memory was given back */

static bool
become_idle(struct worker *self)
{
	bool may;

	pthread_mutex_lock(&lock);
	may = idle_count < MOST_IDLE;
	if (may) {
		self->next = idle;
		idle = self;
		idle_count++;
	}
	pthread_mutex_unlock(&lock);
	return may;
}

static struct worker *
take_idle(void)
{
	struct worker *worker;

	pthread_mutex_lock(&lock);
	worker = idle;
	if (worker) {
		idle = worker->next;
		idle_count--;
	}
	pthread_mutex_unlock(&lock);
	return worker;
}

/* false: it was taken, and will have a task. */
static bool
leave(struct worker *self)
{
	struct worker **link;
	bool is_there;

	pthread_mutex_lock(&lock);
	link = &idle;
	while (*link && *link != self)
		link = &(*link)->next;
	is_there = *link;
	if (is_there) {
		*link = self->next;
		idle_count--;
	}
	pthread_mutex_unlock(&lock);
	return is_there;
}

/* Wait for the next task; false: there is none. */
static bool
wait_for_task(struct worker *self)
{
	struct timespec until;

	if (!become_idle(self))
		return false;
	/* A clock that is set only changes how long; the sanitizers know it. */
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_S;
	while (sem_timedwait(&self->begins, &until) != 0)
		if (errno == ETIMEDOUT && leave(self))
			return false;
	return true;
}

/* To the kernel, now that none has had a task for a moment. */
static void
give_memory_back(void)
{
	bool is_due;

	pthread_mutex_lock(&lock);
	is_due = idle_count == 0 && started >= MANY_THREADS;
	if (is_due)
		started = 0;
	pthread_mutex_unlock(&lock);
	if (is_due)
		malloc_trim(0);
}

static void *
worker_main(void *argument)
{
	struct worker *self = argument;

	do
		self->task(self->argument);
	while (wait_for_task(self));
	sem_destroy(&self->begins);
	free(self);
	give_memory_back();
	return NULL;
}

static int
start_new(void *(*task)(void *), void *argument)
{
	struct worker *worker = malloc(sizeof *worker);
	int error;

	if (!worker)
		return ENOMEM;
	*worker = (struct worker){ .task = task, .argument = argument };
	sem_init(&worker->begins, 0, 0);
	error = thread_start(NULL, worker_main, worker);
	if (error) {
		free(worker);
		return error;
	}
	pthread_mutex_lock(&lock);
	started++;
	pthread_mutex_unlock(&lock);
	return 0;
}

int
worker_start(void *(*task)(void *), void *argument)
{
	struct worker *worker = take_idle();

	if (!worker)
		return start_new(task, argument);
	worker->task = task;
	worker->argument = argument;
	sem_post(&worker->begins);
	return 0;
}
