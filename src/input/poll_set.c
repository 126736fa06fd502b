/* SPDX-License-Identifier: MIT */
#include "input/poll_set.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/worker.h"
#include "input/connection_io.h"

/*
 * A connection that was quiet for so long goes back to its own thread; sooner
 * if it left a record unfinished, for only its thread has a timer for that.
 */
#define QUIET_MS 500
#define UNFINISHED_MS 50

/* How often those at rest are asked whether their idle_timeout is over. */
#define IDLE_MS 500

static bool
watch(const struct poll_set *set, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(set->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

bool
poll_set_open(struct poll_set *set, const struct listener *listener,
	      int wake_fd)
{
	*set = (struct poll_set){
		.registry = listener->registry,
		.wake_fd = wake_fd,
		.epoll_fd = epoll_create1(EPOLL_CLOEXEC),
		.has_idle_timeout = listener->config->limits.idle_timeout_s > 0,
	};
	pthread_mutex_init(&set->lock, NULL);
	return set->epoll_fd >= 0 && watch(set, wake_fd) &&
	       watch(set, set->registry->handover_fd);
}

void
poll_set_close(struct poll_set *set)
{
	if (set->epoll_fd >= 0)
		close(set->epoll_fd);
	pthread_mutex_destroy(&set->lock);
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

static struct connection **
list_of(struct poll_set *set, const struct connection *c)
{
	return c->poll_entry.at_rest ? &set->at_rest : &set->connections;
}

bool
poll_set_add(struct poll_set *set, struct connection *c)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
	bool is_added;

	c->poll_entry.ending = ENDING_NONE;
	c->poll_entry.at_rest = c->poll_entry.main;
	pthread_mutex_lock(&set->lock);
	/* Under the lock: never add one after all were removed. */
	is_added = !atomic_load(&set->registry->handing_over) &&
		   epoll_ctl(set->epoll_fd, EPOLL_CTL_ADD, c->entry.fd,
			     &event) == 0;
	if (is_added) {
		if (!*list_of(set, c))
			eventfd_write(set->wake_fd, 1);
		enter(list_of(set, c), c);
	}
	pthread_mutex_unlock(&set->lock);
	return is_added;
}

/* The lock is held.  false: there can be none, and it is tried again. */
static bool
start_thread(struct poll_set *set, struct connection *c)
{
	static struct diag_limit limit;
	int error = worker_start(c->poll_entry.main, c);

	if (error == 0)
		return true;
	diag_limited(&limit, LOG_ERR,
		     "listener %s: no thread for a connection: %s; trying "
		     "again",
		     c->listener->name, strerror(error));
	c->poll_entry.at_rest = false;
	enter(&set->connections, c);
	return false;
}

/* The lock is held. */
static void
take(struct poll_set *set, struct connection *c)
{
	epoll_ctl(set->epoll_fd, EPOLL_CTL_DEL, c->entry.fd, NULL);
	leave(c);
}

/*
 * The lock is held.  From here on the connection is its own thread's, or, at a
 * restart, the registry's.  false: no thread can be started, so it is here.
 */
static bool
remove_connection(struct poll_set *set, struct connection *c)
{
	take(set, c);
	if (!c->poll_entry.main) {
		sem_post(&c->poll_entry.removed);
		return true;
	}
	if (!atomic_load(&set->registry->handing_over) ||
	    c->poll_entry.ending != ENDING_NONE)
		return start_thread(set, c);
	c->poll_entry.main = NULL;
	connection_hand_over(c);
	return true;
}

void
poll_set_take(struct poll_set *set, struct connection *c)
{
	pthread_mutex_lock(&set->lock);
	take(set, c);
	pthread_mutex_unlock(&set->lock);
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

/* Without a thread, and it needs none: no timer is set. */
static bool
may_rest(const struct connection *c)
{
	return c->poll_entry.main && connection_flush_at_ms(c) == LLONG_MAX;
}

void
poll_set_update(struct poll_set *set, struct connection *c)
{
	if (stays(c) && c->poll_entry.at_rest == may_rest(c))
		return;
	pthread_mutex_lock(&set->lock);
	if (stays(c)) {
		leave(c);
		c->poll_entry.at_rest = may_rest(c);
		enter(list_of(set, c), c);
	} else {
		remove_connection(set, c);
	}
	pthread_mutex_unlock(&set->lock);
}

/* When it is to be removed, unless something comes. */
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
sweep(struct poll_set *set, struct connection **list, long long until_ms)
{
	struct connection *c, *next;

	pthread_mutex_lock(&set->lock);
	for (c = *list; c; c = next) {
		next = c->poll_entry.next;
		if (due_ms(c) > until_ms)
			continue;
		c->coalesce = (struct coalesce){
			.backoff = c->coalesce.backoff,
		};
		/*
		 * If one thread cannot start, others cannot either; at a
		 * restart the others are handed over all the same.
		 */
		if (!remove_connection(set, c) &&
		    !atomic_load(&set->registry->handing_over))
			break;
	}
	pthread_mutex_unlock(&set->lock);
}

void
poll_set_sweep(struct poll_set *set, bool all)
{
	long long now_ms = clock_now_ms(), until_ms = all ? LLONG_MAX : now_ms;

	if (all || now_ms >= set->swept_ms + UNFINISHED_MS) {
		set->swept_ms = now_ms;
		sweep(set, &set->connections, until_ms);
	}
	if (all ||
	    (set->has_idle_timeout && now_ms >= set->looked_ms + IDLE_MS)) {
		set->looked_ms = now_ms;
		sweep(set, &set->at_rest, until_ms);
	}
}

int
poll_set_timeout_ms(struct poll_set *set)
{
	int timeout_ms = -1;

	pthread_mutex_lock(&set->lock);
	if (set->connections)
		timeout_ms = UNFINISHED_MS;
	else if (set->at_rest && set->has_idle_timeout)
		timeout_ms = IDLE_MS;
	pthread_mutex_unlock(&set->lock);
	return timeout_ms;
}

bool
poll_set_is_at_rest(struct poll_set *set)
{
	struct pollfd ready = { .fd = set->epoll_fd, .events = POLLIN };
	bool is_empty;

	pthread_mutex_lock(&set->lock);
	is_empty = !set->connections;
	pthread_mutex_unlock(&set->lock);
	return is_empty && poll(&ready, 1, 0) == 0;
}
