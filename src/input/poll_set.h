/* SPDX-License-Identifier: MIT */
/*
 * poll_set: the connections that a poller reads for, and when each is its own
 * thread's again, or gets a thread.  The lock is inside; no call blocks on
 * outputs.
 */
#ifndef PORTLOG_INPUT_POLL_SET_H
#define PORTLOG_INPUT_POLL_SET_H

#include <pthread.h>
#include <stdbool.h>

#include "input/connection.h"

struct poll_set {
	struct registry *registry; /* borrowed, as the next */
	int wake_fd;               /* an eventfd: the timeout has changed */
	int epoll_fd;              /* data.ptr: a connection, or NULL */
	bool has_idle_timeout;
	pthread_mutex_t lock;
	/*
	 * Under the lock: those that will need a thread soon or have one, which
	 * waits; and those that have none, and need none for all that is known.
	 */
	struct connection *connections;
	struct connection *at_rest;
	long long swept_ms;  /* when the first was last swept */
	long long looked_ms; /* and the second */
};

/*
 * For the connections of a listener.  It watches wake_fd and the registry's
 * handover_fd too.  false and errno: there can be none.  Main thread.
 */
bool poll_set_open(struct poll_set *, const struct listener *, int wake_fd);
void poll_set_close(struct poll_set *);

/*
 * Add one; poll_entry.main says whether it has a thread.  false: it cannot, or
 * all were removed for a restart.  Any thread.
 */
bool poll_set_add(struct poll_set *, struct connection *);

/* Remove one that has no thread: it is the caller's now.  The poller. */
void poll_set_take(struct poll_set *, struct connection *);

/*
 * What was read of it is written: it stays, or is removed where it is not busy
 * any more, or needs a thread.  The poller, as for the others.
 */
void poll_set_update(struct poll_set *, struct connection *);

/* Remove those that are due, or all for a restart. */
void poll_set_sweep(struct poll_set *, bool all);

/* How long epoll_wait(2) may sleep until the next sweep; -1: for ever. */
int poll_set_timeout_ms(struct poll_set *);

/*
 * Whether there is nothing to do: all are at rest, and have sent nothing.  Any
 * thread.
 */
bool poll_set_is_at_rest(struct poll_set *);

#endif
