/* SPDX-License-Identifier: MIT */
/*
 * connections: the register of live TCP connections.  The main thread enters
 * each, its own thread takes it out; both know from here how many there are.
 */
#ifndef PORTLOG_INPUT_REGISTRY_H
#define PORTLOG_INPUT_REGISTRY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"

#define REGISTRY_BUCKETS 1024

/* A connection's place in the register, part of the connection. */
struct entry {
	struct entry *next, **link;
	struct address peer;
	atomic_ullong *count; /* of its listener; borrowed */
	atomic_size_t held;   /* bytes read and not yet records */
	int fd;               /* closed by registry_close() alone */
	bool left_open;       /* its thread has ended */
	bool input_blocked;   /* takes nothing more of its peer */
	bool stopped;         /* and was told so, once that had settled */
	bool unconfirmed; /* an output did not take all of it: no end in order
			   */
};

struct registry {
	pthread_mutex_t lock;
	struct entry *buckets[REGISTRY_BUCKETS]; /* by the peer's host */
	size_t count;
	bool stopping;
	bool shutdown_pending; /* of some the door is closed, and that is all */
	size_t left_open;      /* of count, those whose threads have ended */
	atomic_bool
		handing_over; /* threads are to end and leave all as it is */
	int handover_fd;      /* an eventfd, readable from then on */
	atomic_bool wanted;   /* the main thread wants to know who leaves */
	int left_fd;          /* the eventfd that tells it */
};

/* Both descriptors are borrowed. */
void registry_init(struct registry *, int left_fd, int handover_fd);
void registry_destroy(struct registry *);

size_t registry_count(struct registry *);

/* How many there are from the host of this address, to whose count this is. */
size_t registry_count_source(struct registry *, const struct address *,
			     const atomic_ullong *count);

/*
 * Enter it, and count it for its listener.  Of one that comes after
 * registry_stop_all() the door is closed: registry_shut_down_blocked() is due.
 */
void registry_add(struct registry *, struct entry *);

/* Take it out again and leave its descriptor as it is. */
void registry_remove(struct registry *, struct entry *);

/* Take it out, close its descriptor, and ring left_fd where that is wanted. */
void registry_close(struct registry *, struct entry *);

/*
 * From now on the kernel takes nothing more from this peer: its thread reads
 * what is there already, then the end of the stream.
 */
void registry_stop_one(struct registry *, struct entry *);

/* The same for all, and for those that come. */
void registry_stop_all(struct registry *);

/*
 * The two halves of registry_stop_one(), where many are to be stopped: what
 * takes time is done once, for all of them.
 */
void registry_block_input(struct registry *, struct entry *);
void registry_shut_down_blocked(struct registry *);

/*
 * From now on each thread is to call registry_leave_open() and end, as soon as
 * it has nothing to write; all stay in the register.
 */
void registry_hand_over(struct registry *);
void registry_leave_open(struct registry *, struct entry *);
bool registry_is_handed_over(struct registry *);

/* One of those that are parked, taken out; NULL: there are no more. */
struct entry *registry_take(struct registry *);

/* The bytes that nobody has read yet, and *held, those read but no more. */
unsigned long long registry_count_unread(struct registry *,
					 unsigned long long *held);

/* Whether the main thread waits for connections to leave. */
void registry_want_wakeup(struct registry *, bool);

#endif
