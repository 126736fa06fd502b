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

struct crowd {
	struct connections *connections;
	pthread_t thread;
	int epoll_fd;
	int wake_fd; /* an eventfd: look who is there */
	atomic_bool closing;
	atomic_ulong reads;  /* of all connections, in the crowd or not */
	atomic_uint at_work; /* threads of connections that are out of it */
	unsigned cores;
	atomic_ulong turns;    /* of the loop: it lives */
	unsigned long checked; /* turns that crowd_is_alive() has seen */
	long long swept_ms;    /* when quiet ones were looked for */
	pthread_mutex_t lock;
	struct connection *members; /* under the lock */
	struct epoll_event events[EVENTS];
};

static bool
is_empty(struct crowd *crowd)
{
	bool empty;

	pthread_mutex_lock(&crowd->lock);
	empty = !crowd->members;
	pthread_mutex_unlock(&crowd->lock);
	return empty;
}

/* The lock is held. */
static void
add(struct crowd *crowd, struct connection *c)
{
	c->place.next = crowd->members;
	c->place.link = &crowd->members;
	if (c->place.next)
		c->place.next->place.link = &c->place.next;
	else
		eventfd_write(crowd->wake_fd, 1);
	crowd->members = c;
}

enum ending
crowd_join(struct crowd *crowd, struct connection *c)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
	bool parking, joins;

	sem_init(&c->place.left, 0, 0);
	c->place.ending = ENDING_NONE;
	pthread_mutex_lock(&crowd->lock);
	/* Under the lock: it must not come after all were sent away. */
	parking = atomic_load(&crowd->connections->parking);
	joins = !parking && epoll_ctl(crowd->epoll_fd, EPOLL_CTL_ADD,
				      c->member.fd, &event) == 0;
	if (joins)
		add(crowd, c);
	pthread_mutex_unlock(&crowd->lock);
	while (joins && sem_wait(&c->place.left) != 0)
		;
	sem_destroy(&c->place.left);
	if (joins || parking)
		return (enum ending)c->place.ending;
	c->pace = (struct pace){ 0 };
	return connection_receive(c);
}

/* The lock is held.  From here on the connection is its own thread's again. */
static void
send_away(struct crowd *crowd, struct connection *c)
{
	epoll_ctl(crowd->epoll_fd, EPOLL_CTL_DEL, c->member.fd, NULL);
	*c->place.link = c->place.next;
	if (c->place.next)
		c->place.next->place.link = c->place.link;
	sem_post(&c->place.left);
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
	return c->place.ending == ENDING_NONE && c->pace.busy && !c->is_bad;
}

static void
write_group(struct crowd *crowd, struct group *group)
{
	batch_emit(group->batch);
	for (size_t i = 0; i < group->count; i++) {
		struct connection *c = group->list[i];

		connection_unshare(c);
		if (stays(c))
			continue;
		pthread_mutex_lock(&crowd->lock);
		send_away(crowd, c);
		pthread_mutex_unlock(&crowd->lock);
	}
	group->count = group->used = 0;
}

static void
serve(struct crowd *crowd, struct group *group, struct connection *c)
{
	const struct pool *pool = &c->listener->pool;

	if (pool->input_size - group->used < ROOM_BYTES)
		write_group(crowd, group);
	c->place.ending =
		(int)connection_receive_shared(c, group->batch, &group->used);
	group->list[group->count++] = c;
}

/* Serve whoever has sent something; how many have. */
static size_t
serve_all(struct crowd *crowd)
{
	int timeout_ms = is_empty(crowd) ? -1 : UNFINISHED_MS;
	int ready =
		epoll_wait(crowd->epoll_fd, crowd->events, EVENTS, timeout_ms);
	struct group group = { 0 };
	size_t served = 0;
	eventfd_t rung;

	for (int i = 0; i < ready; i++) {
		struct connection *c = crowd->events[i].data.ptr;

		if (!c) {
			eventfd_read(crowd->wake_fd, &rung);
			continue;
		}
		if (!group.batch)
			group.batch = batch_borrow(&c->listener->pool);
		serve(crowd, &group, c);
		served++;
	}
	if (group.batch) {
		write_group(crowd, &group);
		batch_return(group.batch);
	}
	return served;
}

/* Those that were not read for a while; or all. */
static void
send_quiet_away(struct crowd *crowd, bool all)
{
	long long now_ms = clock_now_ms();
	struct connection *c, *next;

	if (!all && now_ms < crowd->swept_ms + UNFINISHED_MS)
		return;
	crowd->swept_ms = now_ms;
	pthread_mutex_lock(&crowd->lock);
	for (c = crowd->members; c; c = next) {
		long long patience_ms =
			framer_held(&c->framer) > 0 ? UNFINISHED_MS : QUIET_MS;

		next = c->place.next;
		if (!all && now_ms < c->received_ms + patience_ms)
			continue;
		c->pace = (struct pace){ .doubt = c->pace.doubt };
		send_away(crowd, c);
	}
	pthread_mutex_unlock(&crowd->lock);
}

static void *
crowd_main(void *argument)
{
	const struct timespec pause = { .tv_nsec = CROWD_PAUSE_NS };
	struct crowd *crowd = argument;

	while (!atomic_load(&crowd->closing)) {
		size_t served = serve_all(crowd);
		bool parking = atomic_load(&crowd->connections->parking);

		if (parking) /* once seen it need not wake us again */
			epoll_ctl(crowd->epoll_fd, EPOLL_CTL_DEL,
				  crowd->connections->park_fd, NULL);
		send_quiet_away(crowd, parking);
		atomic_fetch_add(&crowd->turns, 1);
		if (served > 0 && served < EVENTS && !parking)
			nanosleep(&pause, NULL);
	}
	return NULL;
}

static bool
watch(const struct crowd *crowd, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(crowd->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* errno is kept. */
static void
free_all(struct crowd *crowd)
{
	int error = errno;

	if (crowd->epoll_fd >= 0)
		close(crowd->epoll_fd);
	if (crowd->wake_fd >= 0)
		close(crowd->wake_fd);
	pthread_mutex_destroy(&crowd->lock);
	free(crowd);
	errno = error;
}

struct crowd *
crowd_start(struct connections *connections)
{
	struct crowd *crowd = calloc(1, sizeof *crowd);

	if (!crowd)
		return NULL;
	crowd->connections = connections;
	crowd->cores = (unsigned)get_nprocs();
	pthread_mutex_init(&crowd->lock, NULL);
	crowd->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	crowd->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (crowd->epoll_fd >= 0 && crowd->wake_fd >= 0 &&
	    watch(crowd, crowd->wake_fd) &&
	    watch(crowd, connections->park_fd)) {
		errno = thread_start(&crowd->thread, crowd_main, crowd);
		if (errno == 0)
			return crowd;
	}
	free_all(crowd);
	return NULL;
}

bool
crowd_begin(struct crowd *crowd)
{
	if (atomic_fetch_add(&crowd->at_work, 1) < crowd->cores)
		return true;
	crowd_end(crowd);
	return false;
}

void
crowd_end(struct crowd *crowd)
{
	atomic_fetch_sub(&crowd->at_work, 1);
}

unsigned long
crowd_count(struct crowd *crowd)
{
	return atomic_fetch_add_explicit(&crowd->reads, 1,
					 memory_order_relaxed) +
	       1;
}

bool
crowd_is_alive(struct crowd *crowd, struct outputs *outputs)
{
	unsigned long turns = atomic_load(&crowd->turns);
	bool moved = turns != crowd->checked;

	crowd->checked = turns;
	return moved || is_empty(crowd) || outputs_are_busy(outputs);
}

void
crowd_stop(struct crowd *crowd)
{
	atomic_store(&crowd->closing, true);
	eventfd_write(crowd->wake_fd, 1);
	pthread_join(crowd->thread, NULL);
	free_all(crowd);
}
