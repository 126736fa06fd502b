/* SPDX-License-Identifier: MIT */
#include "input/poller.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/thread.h"
#include "base/worker.h"
#include "input/connection_io.h"

/* Connections served in one turn. */
#define EVENTS 256

/* What is left of the input for one more small read. */
#define READ_BYTES 16384

/*
 * A connection that was quiet for so long goes back to its own thread; sooner
 * if it left a record unfinished, for only its thread has a timer for that.
 */
#define QUIET_MS 500
#define UNFINISHED_MS 50

/* How often those without a thread are asked whether they are idle. */
#define IDLE_MS 500

enum phase { SERVING, FINISHING, FINISHED };

struct poller {
	struct listener *listener;
	struct poller *other; /* owned; NULL: no output makes it wait long */
	struct registry *registry;
	struct note_summary summary;
	pthread_t thread;
	int epoll_fd;
	int wake_fd;         /* an eventfd, to leave epoll_wait(2) */
	atomic_int phase;    /* enum phase */
	atomic_uint reading; /* threads between begin_read and end_read */
	unsigned cores;
	atomic_ulong turns;    /* of the loop */
	unsigned long checked; /* turns that poller_is_alive() has seen */
	long long swept_ms;    /* when `connections` was last swept */
	long long looked_ms;   /* and `at_rest` */
	pthread_mutex_t lock;
	/* Under the lock: */
	struct connection *connections;
	struct connection *at_rest; /* no thread, and no need of one */
	struct epoll_event events[EVENTS];
};

/* Connections that are read into one batch and written together. */
struct group {
	struct batch *batch;
	size_t used; /* bytes of its input */
	struct connection *list[EVENTS];
	size_t count;
};

static bool
is_empty(struct poller *poller)
{
	bool empty;

	pthread_mutex_lock(&poller->lock);
	empty = !poller->connections && !poller->at_rest;
	pthread_mutex_unlock(&poller->lock);
	return empty;
}

static void
enter(struct connection **list, struct connection *c)
{
	c->poll_entry.next = *list;
	c->poll_entry.link = list;
	if (c->poll_entry.next)
		c->poll_entry.next->poll_entry.link = &c->poll_entry.next;
	*list = c;
}

static void
leave(struct connection *c)
{
	*c->poll_entry.link = c->poll_entry.next;
	if (c->poll_entry.next)
		c->poll_entry.next->poll_entry.link = c->poll_entry.link;
}

/* The lock is held. */
static bool
add(struct poller *poller, struct connection **list, struct connection *c)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };

	if (epoll_ctl(poller->epoll_fd, EPOLL_CTL_ADD, c->entry.fd, &event) !=
	    0)
		return false;
	if (!poller->connections && !poller->at_rest)
		eventfd_write(poller->wake_fd, 1); /* its timeout changes */
	enter(list, c);
	return true;
}

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
	bool handing_over, is_added;

	c->poll_entry.main = NULL;
	sem_init(&c->poll_entry.removed, 0, 0);
	c->poll_entry.ending = ENDING_NONE;
	pthread_mutex_lock(&poller->lock);
	/* Under the lock: never add one after all were removed. */
	handing_over = atomic_load(&poller->registry->handing_over);
	is_added = !handing_over && add(poller, &poller->connections, c);
	pthread_mutex_unlock(&poller->lock);
	while (is_added && sem_wait(&c->poll_entry.removed) != 0)
		;
	sem_destroy(&c->poll_entry.removed);
	if (is_added || handing_over)
		return c->poll_entry.ending;
	c->coalesce = (struct coalesce){ 0 };
	return connection_receive(c);
}

bool
poller_begin(struct poller *first, struct connection *c, void *(*main)(void *))
{
	struct poller *poller = poller_of(first, c);
	bool is_added;

	c->poll_entry.main = main;
	c->poll_entry.at_rest = true;
	c->poll_entry.ending = ENDING_NONE;
	pthread_mutex_lock(&poller->lock);
	is_added = add(poller, &poller->at_rest, c);
	pthread_mutex_unlock(&poller->lock);
	if (!is_added)
		c->poll_entry.main = NULL;
	return is_added;
}

/*
 * The lock is held.  From here on the connection is its own thread's; where
 * none can start for it, that is tried again.
 */
static void
remove_connection(struct poller *poller, struct connection *c)
{
	static struct diag_limit limit;
	int error;

	epoll_ctl(poller->epoll_fd, EPOLL_CTL_DEL, c->entry.fd, NULL);
	leave(c);
	if (!c->poll_entry.main) {
		sem_post(&c->poll_entry.removed);
		return;
	}
	error = worker_start(c->poll_entry.main, c);
	if (error == 0)
		return;
	diag_limited(&limit, LOG_ERR,
		     "listener %s: no thread for a connection: %s; trying "
		     "again",
		     poller->listener->name, strerror(error));
	c->poll_entry.at_rest = false;
	enter(&poller->connections, c);
}

static bool
stays(const struct connection *c)
{
	bool may_stay = c->poll_entry.main ? !c->coalesce.is_large &&
						     c->limited_until_ms == 0
					   : c->coalesce.active;

	return may_stay && c->poll_entry.ending == ENDING_NONE &&
	       c->state == CONNECTION_OPEN;
}

/* Only who has left a record unfinished may need a thread, for its timer. */
static void
sort(struct poller *poller, struct connection *c)
{
	bool at_rest = framer_held(&c->framer) == 0;

	if (!c->poll_entry.main || c->poll_entry.at_rest == at_rest)
		return;
	pthread_mutex_lock(&poller->lock);
	leave(c);
	c->poll_entry.at_rest = at_rest;
	enter(at_rest ? &poller->at_rest : &poller->connections, c);
	pthread_mutex_unlock(&poller->lock);
}

static void
write_group(struct poller *poller, struct group *group)
{
	batch_emit(group->batch);
	for (size_t i = 0; i < group->count; i++) {
		struct connection *c = group->list[i];

		connection_written(c);
		if (stays(c)) {
			sort(poller, c);
			continue;
		}
		pthread_mutex_lock(&poller->lock);
		remove_connection(poller, c);
		pthread_mutex_unlock(&poller->lock);
	}
	group->count = group->used = 0;
}

static void
read_into_group(struct poller *poller, struct group *group,
		struct connection *c)
{
	if (poller->listener->pool.input_size - group->used < READ_BYTES)
		write_group(poller, group);
	c->poll_entry.ending =
		connection_receive_into(c, group->batch, &group->used);
	group->list[group->count++] = c;
}

/* How long epoll_wait(2) may sleep; -1: until there is an event. */
static int
timeout_ms(struct poller *poller)
{
	long long deadline_ms = note_summary_deadline_ms(&poller->summary);
	long long left_ms;

	if (!is_empty(poller))
		return UNFINISHED_MS;
	if (deadline_ms == LLONG_MAX)
		return -1;
	left_ms = deadline_ms - clock_now_ms();
	return left_ms > 0 ? (int)left_ms : 0;
}

/* Read for all that have sent something; how many have. */
static size_t
serve_all(struct poller *poller)
{
	int ready = epoll_wait(poller->epoll_fd, poller->events, EVENTS,
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
		if (!group.batch)
			group.batch = batch_borrow(&poller->listener->pool);
		read_into_group(poller, &group, c);
		served++;
	}
	if (group.batch) {
		write_group(poller, &group);
		batch_return(group.batch);
	}
	return served;
}

/* When it is to have its thread, unless something comes. */
static long long
due_ms(const struct connection *c)
{
	long long idle_s = c->listener->config->limits.idle_timeout_s;

	if (!stays(c))
		return 0;
	if (c->poll_entry.at_rest)
		return idle_s > 0 ? c->received_ms + idle_s * 1000 : LLONG_MAX;
	return c->received_ms +
	       (framer_held(&c->framer) > 0 ? UNFINISHED_MS : QUIET_MS);
}

static void
sweep(struct poller *poller, struct connection **list, long long until_ms)
{
	struct connection *c, *next;

	pthread_mutex_lock(&poller->lock);
	for (c = *list; c; c = next) {
		next = c->poll_entry.next;
		if (due_ms(c) > until_ms)
			continue;
		c->coalesce = (struct coalesce){
			.backoff = c->coalesce.backoff,
		};
		remove_connection(poller, c);
	}
	pthread_mutex_unlock(&poller->lock);
}

/* Remove the connections that are due, or all. */
static void
remove_due(struct poller *poller, bool all)
{
	long long now_ms = clock_now_ms(), until_ms = all ? LLONG_MAX : now_ms;
	bool have_timeout = poller->listener->config->limits.idle_timeout_s > 0;

	if (all || now_ms >= poller->swept_ms + UNFINISHED_MS) {
		poller->swept_ms = now_ms;
		sweep(poller, &poller->connections, until_ms);
	}
	if (all || (have_timeout && now_ms >= poller->looked_ms + IDLE_MS)) {
		poller->looked_ms = now_ms;
		sweep(poller, &poller->at_rest, until_ms);
	}
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
			epoll_ctl(poller->epoll_fd, EPOLL_CTL_DEL,
				  registry->handover_fd, NULL);
		remove_due(poller, handing_over);
		note_summary_write(&poller->summary, clock_now_ms());
		atomic_fetch_add(&poller->turns, 1);
		if (served > 0 && served < EVENTS && !handing_over)
			nanosleep(&pause, NULL);
	}
	note_summary_write(&poller->summary, LLONG_MAX);
	atomic_store(&poller->phase, FINISHED);
	eventfd_write(registry->left_fd, 1);
	return NULL;
}

static bool
watch(const struct poller *poller, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(poller->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* Leaves errno as it was. */
static void
free_all(struct poller *poller)
{
	int error = errno;

	if (poller->epoll_fd >= 0)
		close(poller->epoll_fd);
	if (poller->wake_fd >= 0)
		close(poller->wake_fd);
	note_summary_destroy(&poller->summary);
	pthread_mutex_destroy(&poller->lock);
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
	poller->cores = (unsigned)get_nprocs();
	pthread_mutex_init(&poller->lock, NULL);
	poller->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	poller->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (is_first)
		note_summary_init(&poller->summary, listener, poller->wake_fd);
	else
		note_summary_init_empty(&poller->summary, listener);
	if (poller->epoll_fd >= 0 && poller->wake_fd >= 0 &&
	    watch(poller, poller->wake_fd) &&
	    watch(poller, poller->registry->handover_fd)) {
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

	if (!poller || listener->pool.syncing_mask == 0)
		return poller;
	poller->other = start_one(listener, false);
	if (poller->other)
		return poller;
	error = errno;
	poller_stop(poller);
	errno = error;
	return NULL;
}

bool
poller_begin_read(struct poller *poller)
{
	if (atomic_fetch_add(&poller->reading, 1) < poller->cores)
		return true;
	poller_end_read(poller);
	return false;
}

void
poller_end_read(struct poller *poller)
{
	atomic_fetch_sub(&poller->reading, 1);
}

struct note_summary *
poller_summary(struct poller *poller)
{
	return &poller->summary;
}

bool
poller_is_alive(struct poller *poller)
{
	unsigned long turns = atomic_load(&poller->turns);
	bool moved = turns != poller->checked;

	poller->checked = turns;
	if (poller->other && !poller_is_alive(poller->other))
		return false;
	return moved || is_empty(poller) ||
	       output_set_is_writing(poller->listener->pool.outputs);
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
	free_all(poller);
}

void
poller_log_unwritten(struct poller *poller)
{
	note_summary_log_unwritten(&poller->summary);
}
