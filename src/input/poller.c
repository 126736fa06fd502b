/* SPDX-License-Identifier: MIT */
#include "input/poller.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"

/* Looked after in one turn. */
#define EVENTS 256

/* Room for a read of who is small. */
#define ROOM_BYTES 16384

/*
 * Whoever was quiet for so long goes back to its own thread; whoever has left
 * a record unfinished sooner, since its thread has the timer for that.
 */
#define QUIET_MS 500
#define UNFINISHED_MS 50

struct poller {
	struct registry *registry;
	pthread_t thread;
	int epoll_fd;
	int wake_fd; /* an eventfd: look who is there */
	atomic_bool closing;
	atomic_ulong reads;  /* of all connections, in the crowd or not */
	atomic_uint at_work; /* threads of connections that are out of it */
	unsigned cores;
	atomic_ulong turns;    /* of the loop: it lives */
	unsigned long checked; /* turns that poller_is_alive() has seen */
	long long swept_ms;    /* when quiet ones were looked for */
	pthread_mutex_t lock;
	struct connection *members; /* under the lock */
	struct epoll_event events[EVENTS];
};

static bool
is_empty(struct poller *poller)
{
	bool empty;

	pthread_mutex_lock(&poller->lock);
	empty = !poller->members;
	pthread_mutex_unlock(&poller->lock);
	return empty;
}

/* The lock is held. */
static void
add(struct poller *poller, struct connection *c)
{
	c->poll_entry.next = poller->members;
	c->poll_entry.link = &poller->members;
	if (c->poll_entry.next)
		c->poll_entry.next->poll_entry.link = &c->poll_entry.next;
	else
		eventfd_write(poller->wake_fd, 1);
	poller->members = c;
}

enum ending
poller_serve(struct poller *poller, struct connection *c)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
	bool handing_over, joins;

	sem_init(&c->poll_entry.left, 0, 0);
	c->poll_entry.ending = ENDING_NONE;
	pthread_mutex_lock(&poller->lock);
	/* Under the lock: it must not come after all were sent away. */
	handing_over = atomic_load(&poller->registry->handing_over);
	joins = !handing_over && epoll_ctl(poller->epoll_fd, EPOLL_CTL_ADD,
					   c->entry.fd, &event) == 0;
	if (joins)
		add(poller, c);
	pthread_mutex_unlock(&poller->lock);
	while (joins && sem_wait(&c->poll_entry.left) != 0)
		;
	sem_destroy(&c->poll_entry.left);
	if (joins || handing_over)
		return (enum ending)c->poll_entry.ending;
	c->coalesce = (struct coalesce){ 0 };
	return connection_receive(c);
}

/* The lock is held.  From here on the connection is its own thread's again. */
static void
remove_entry(struct poller *poller, struct connection *c)
{
	epoll_ctl(poller->epoll_fd, EPOLL_CTL_DEL, c->entry.fd, NULL);
	*c->poll_entry.link = c->poll_entry.next;
	if (c->poll_entry.next)
		c->poll_entry.next->poll_entry.link = c->poll_entry.link;
	sem_post(&c->poll_entry.left);
}

/* Those that are read and written together. */
struct group {
	struct batch *batch;
	size_t used; /* bytes of its input */
	struct connection *list[EVENTS];
	size_t count;
};

/* Whether it is to stay, now that what it has sent is with the outputs. */
static bool
stays(const struct connection *c)
{
	return c->poll_entry.ending == ENDING_NONE && c->coalesce.active &&
	       !c->is_bad;
}

static void
write_group(struct poller *poller, struct group *group)
{
	batch_emit(group->batch);
	for (size_t i = 0; i < group->count; i++) {
		struct connection *c = group->list[i];

		connection_unshare(c);
		if (stays(c))
			continue;
		pthread_mutex_lock(&poller->lock);
		remove_entry(poller, c);
		pthread_mutex_unlock(&poller->lock);
	}
	group->count = group->used = 0;
}

static void
serve(struct poller *poller, struct group *group, struct connection *c)
{
	const struct pool *pool = &c->listener->pool;

	if (pool->input_size - group->used < ROOM_BYTES)
		write_group(poller, group);
	c->poll_entry.ending =
		(int)connection_receive_shared(c, group->batch, &group->used);
	group->list[group->count++] = c;
}

/* Serve whoever has sent something; how many have. */
static size_t
serve_all(struct poller *poller)
{
	int timeout_ms = is_empty(poller) ? -1 : UNFINISHED_MS;
	int ready = epoll_wait(poller->epoll_fd, poller->events, EVENTS,
			       timeout_ms);
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
			group.batch = batch_borrow(&c->listener->pool);
		serve(poller, &group, c);
		served++;
	}
	if (group.batch) {
		write_group(poller, &group);
		batch_return(group.batch);
	}
	return served;
}

/* Those that were not read for a while; or all. */
static void
remove_quiet(struct poller *poller, bool all)
{
	long long now_ms = clock_now_ms();
	struct connection *c, *next;

	if (!all && now_ms < poller->swept_ms + UNFINISHED_MS)
		return;
	poller->swept_ms = now_ms;
	pthread_mutex_lock(&poller->lock);
	for (c = poller->members; c; c = next) {
		long long patience_ms =
			framer_held(&c->framer) > 0 ? UNFINISHED_MS : QUIET_MS;

		next = c->poll_entry.next;
		if (!all && now_ms < c->received_ms + patience_ms)
			continue;
		c->coalesce =
			(struct coalesce){ .backoff = c->coalesce.backoff };
		remove_entry(poller, c);
	}
	pthread_mutex_unlock(&poller->lock);
}

static void *
poller_main(void *argument)
{
	const struct timespec pause = { .tv_nsec = POLLER_PAUSE_NS };
	struct poller *poller = argument;

	while (!atomic_load(&poller->closing)) {
		size_t served = serve_all(poller);
		bool handing_over =
			atomic_load(&poller->registry->handing_over);

		if (handing_over) /* once seen it need not wake us again */
			epoll_ctl(poller->epoll_fd, EPOLL_CTL_DEL,
				  poller->registry->handover_fd, NULL);
		remove_quiet(poller, handing_over);
		atomic_fetch_add(&poller->turns, 1);
		if (served > 0 && served < EVENTS && !handing_over)
			nanosleep(&pause, NULL);
	}
	return NULL;
}

static bool
watch(const struct poller *poller, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(poller->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* errno is kept. */
static void
free_all(struct poller *poller)
{
	int error = errno;

	if (poller->epoll_fd >= 0)
		close(poller->epoll_fd);
	if (poller->wake_fd >= 0)
		close(poller->wake_fd);
	pthread_mutex_destroy(&poller->lock);
	free(poller);
	errno = error;
}

struct poller *
poller_start(struct registry *registry)
{
	struct poller *poller = calloc(1, sizeof *poller);

	if (!poller)
		return NULL;
	poller->registry = registry;
	poller->cores = (unsigned)get_nprocs();
	pthread_mutex_init(&poller->lock, NULL);
	poller->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	poller->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (poller->epoll_fd >= 0 && poller->wake_fd >= 0 &&
	    watch(poller, poller->wake_fd) &&
	    watch(poller, registry->handover_fd)) {
		errno = thread_start(&poller->thread, poller_main, poller);
		if (errno == 0)
			return poller;
	}
	free_all(poller);
	return NULL;
}

bool
poller_begin_read(struct poller *poller)
{
	if (atomic_fetch_add(&poller->at_work, 1) < poller->cores)
		return true;
	poller_end_read(poller);
	return false;
}

void
poller_end_read(struct poller *poller)
{
	atomic_fetch_sub(&poller->at_work, 1);
}

unsigned long
poller_count_read(struct poller *poller)
{
	return atomic_fetch_add_explicit(&poller->reads, 1,
					 memory_order_relaxed) +
	       1;
}

bool
poller_is_alive(struct poller *poller, struct output_set *outputs)
{
	unsigned long turns = atomic_load(&poller->turns);
	bool moved = turns != poller->checked;

	poller->checked = turns;
	return moved || is_empty(poller) || output_set_is_writing(outputs);
}

void
poller_stop(struct poller *poller)
{
	atomic_store(&poller->closing, true);
	eventfd_write(poller->wake_fd, 1);
	pthread_join(poller->thread, NULL);
	free_all(poller);
}
