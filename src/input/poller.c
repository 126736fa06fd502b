/* SPDX-License-Identifier: MIT */
#include "input/poller.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "input/connection_end.h"
#include "input/connection_io.h"
#include "input/poll_set.h"

/* Connections served in one round. */
#define EVENTS 256

/*
 * What is left of the input for one more small read, and for what was
 * unfinished before it.
 */
#define READ_BYTES 16384

enum phase { SERVING, FINISHING, FINISHED };

struct poller {
	struct listener *listener;
	struct poller *other; /* owned; NULL: no output makes it wait long */
	struct registry *registry;
	struct poll_set set;
	struct note_summary summary;
	pthread_t thread;
	int wake_fd;      /* an eventfd, to leave epoll_wait(2) */
	atomic_int phase; /* enum phase */
	struct turns turns;
	atomic_ulong rounds;   /* of its loop */
	unsigned long checked; /* rounds that poller_is_alive() has seen */
	bool was_at_rest;      /* when it was asked last */
	struct epoll_event events[EVENTS];
};

/* Connections that are read into one batch and written together. */
struct group {
	struct batch *batch;
	size_t used; /* bytes of its input */
	struct connection *list[EVENTS];
	size_t count;
};

/* One of them reads on while the other waits for a sync. */
static struct poller *
poller_of(struct poller *poller, const struct connection *c)
{
	return poller->other && c->origin.connection % 2 == 0 ? poller->other
							      : poller;
}

enum ending
poller_serve(struct poller *first, struct connection *c)
{
	struct poller *poller = poller_of(first, c);
	bool is_added;

	sem_init(&c->poll_entry.removed, 0, 0);
	is_added = poll_set_add(&poller->set, c);
	while (is_added && sem_wait(&c->poll_entry.removed) != 0)
		;
	sem_destroy(&c->poll_entry.removed);
	if (is_added || atomic_load(&poller->registry->handing_over))
		return c->poll_entry.ending;
	c->coalesce = (struct coalesce){ 0 };
	return connection_receive(c);
}

bool
poller_begin(struct poller *first, struct connection *c, void *(*main)(void *))
{
	c->poll_entry.main = main;
	if (poll_set_add(&poller_of(first, c)->set, c))
		return true;
	c->poll_entry.main = NULL;
	return false;
}

/*
 * Without a thread it ends here, unless its receipt waits for the disk: others
 * are to be read for meanwhile, and threads that wait share a sync.
 */
static bool
ends_here(const struct poller *poller, const struct connection *c)
{
	const struct pool *pool = &poller->listener->pool;

	return c->poll_entry.main && c->poll_entry.ending != ENDING_NONE &&
	       !output_set_has_sync(pool->outputs, pool->output_mask);
}

static void
write_group(struct poller *poller, struct group *group)
{
	size_t ended = 0;

	batch_emit(group->batch);
	/* Each end below borrows one, and there may be no memory for two. */
	batch_return(group->batch);
	for (size_t i = 0; i < group->count; i++) {
		struct connection *c = group->list[i];

		connection_written(c);
		if (ends_here(poller, c))
			group->list[ended++] = c;
		else
			poll_set_update(&poller->set, c);
	}
	/* Last: an end waits for the outputs, and the others would with it. */
	for (size_t i = 0; i < ended; i++) {
		poll_set_take(&poller->set, group->list[i]);
		connection_end(group->list[i],
			       group->list[i]->poll_entry.ending);
	}
	group->batch = NULL;
	group->count = group->used = 0;
}

static void
read_into_group(struct poller *poller, struct group *group,
		struct connection *c)
{
	struct pool *pool = &poller->listener->pool;

	if (group->batch && pool->input_size - group->used < READ_BYTES)
		write_group(poller, group);
	if (!group->batch)
		group->batch = batch_borrow(pool);
	c->poll_entry.ending =
		connection_receive_into(c, group->batch, &group->used);
	group->list[group->count++] = c;
}

/* How long epoll_wait(2) may sleep; -1: until there is an event. */
static int
timeout_ms(struct poller *poller)
{
	long long deadline_ms = note_summary_deadline_ms(&poller->summary);
	int timeout_ms = poll_set_timeout_ms(&poller->set);
	long long left_ms;

	if (timeout_ms >= 0 || deadline_ms == LLONG_MAX)
		return timeout_ms;
	left_ms = deadline_ms - clock_now_ms();
	return left_ms > 0 ? (int)left_ms : 0;
}

/* Read for all that have sent something; how many have. */
static size_t
serve_all(struct poller *poller)
{
	int ready = epoll_wait(poller->set.epoll_fd, poller->events, EVENTS,
			       timeout_ms(poller));
	struct group group = { 0 };
	size_t served = 0;
	eventfd_t rung;

	for (int i = 0; i < ready; i++) {
		struct connection *c = poller->events[i].data.ptr;

		if (!c) {
			eventfd_read(poller->wake_fd, &rung);
			continue;
		}
		read_into_group(poller, &group, c);
		served++;
	}
	if (group.batch)
		write_group(poller, &group);
	return served;
}

static void *
poller_main(void *argument)
{
	const struct timespec pause = { .tv_nsec = POLLER_PAUSE_NS };
	struct poller *poller = argument;
	struct registry *registry = poller->registry;

	thread_name("poll", poller->listener->name);
	/* What the process before this one left. */
	note_summary_write(&poller->summary, clock_now_ms());
	while (atomic_load(&poller->phase) == SERVING) {
		size_t served = serve_all(poller);
		bool handing_over = atomic_load(&registry->handing_over);

		if (handing_over) /* seen once, it must not wake us again */
			epoll_ctl(poller->set.epoll_fd, EPOLL_CTL_DEL,
				  registry->handover_fd, NULL);
		poll_set_sweep(&poller->set, handing_over);
		note_summary_write(&poller->summary, clock_now_ms());
		atomic_fetch_add(&poller->rounds, 1);
		if (served > 0 && served < EVENTS && !handing_over)
			nanosleep(&pause, NULL);
	}
	note_summary_write(&poller->summary, LLONG_MAX);
	atomic_store(&poller->phase, FINISHED);
	eventfd_write(registry->left_fd, 1);
	return NULL;
}

/* Leaves errno as it was. */
static void
free_all(struct poller *poller)
{
	int error = errno;

	poll_set_close(&poller->set);
	if (poller->wake_fd >= 0)
		close(poller->wake_fd);
	note_summary_destroy(&poller->summary);
	turns_destroy(&poller->turns);
	free(poller);
	errno = error;
}

/* The summaries are the first one's. */
static struct poller *
start_one(struct listener *listener, bool is_first)
{
	struct poller *poller = calloc(1, sizeof *poller);

	if (!poller)
		return NULL;
	poller->listener = listener;
	poller->registry = listener->registry;
	turns_init(&poller->turns, (unsigned)get_nprocs());
	poller->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (is_first)
		note_summary_init(&poller->summary, listener, poller->wake_fd);
	else
		note_summary_init_empty(&poller->summary, listener);
	if (poll_set_open(&poller->set, listener, poller->wake_fd)) {
		errno = thread_start(&poller->thread, poller_main, poller);
		if (errno == 0)
			return poller;
	}
	free_all(poller);
	return NULL;
}

struct poller *
poller_start(struct listener *listener)
{
	struct poller *poller = start_one(listener, true);
	int error;

	if (!poller)
		return NULL;
	listener->summary = &poller->summary;
	if (listener->pool.syncing_mask == 0)
		return poller;
	poller->other = start_one(listener, false);
	if (poller->other)
		return poller;
	error = errno;
	poller_stop(poller);
	errno = error;
	return NULL;
}

struct turns *
poller_turns(struct poller *poller)
{
	return &poller->turns;
}

bool
poller_is_alive(struct poller *poller)
{
	const struct pool *pool = &poller->listener->pool;
	unsigned long rounds = atomic_load(&poller->rounds);
	bool moved = rounds != poller->checked;
	/* What came since it was asked may be about to be read. */
	bool may_rest = poller->was_at_rest;

	poller->checked = rounds;
	poller->was_at_rest = poll_set_is_at_rest(&poller->set);
	if (poller->other && !poller_is_alive(poller->other))
		return false;
	return moved || may_rest || poller->was_at_rest ||
	       pool_is_short_of_memory(pool) ||
	       output_set_is_writing(pool->outputs);
}

void
poller_finish(struct poller *poller)
{
	int serving = SERVING;

	if (atomic_compare_exchange_strong(&poller->phase, &serving, FINISHING))
		eventfd_write(poller->wake_fd, 1);
	if (poller->other)
		poller_finish(poller->other);
}

bool
poller_is_finished(const struct poller *poller)
{
	return atomic_load(&poller->phase) == FINISHED &&
	       (!poller->other || poller_is_finished(poller->other));
}

void
poller_stop(struct poller *poller)
{
	poller_finish(poller);
	if (poller->other)
		poller_stop(poller->other);
	pthread_join(poller->thread, NULL);
	poller->listener->summary = NULL;
	free_all(poller);
}

void
poller_log_unwritten(struct poller *poller)
{
	note_summary_log_unwritten(&poller->summary);
}
