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

#define CONNECTIONS_BUCKETS 1024

/* A connection's place in the register, part of the connection. */
struct member {
	struct member *next, **link;
	struct address peer;
	atomic_ullong *count; /* of its listener; borrowed */
	atomic_size_t held;   /* bytes read and not yet records */
	int fd;               /* closed by connections_leave() alone */
	bool parked;          /* its thread has ended */
	bool door_closed;     /* takes nothing more of its peer */
	bool stopped;         /* and was told so, once that had settled */
	bool is_lost; /* an output did not take all of it: no end in order */
};

struct connections {
	pthread_mutex_t lock;
	struct member *buckets[CONNECTIONS_BUCKETS]; /* by the peer's host */
	size_t count;
	bool stopping;
	bool ending_due;     /* of some the door is closed, and that is all */
	size_t parked;       /* of count, those whose threads have ended */
	atomic_bool parking; /* threads are to end and leave all as it is */
	int park_fd;         /* an eventfd, readable from then on */
	atomic_bool wanted;  /* the main thread wants to know who leaves */
	int left_fd;         /* the eventfd that tells it */
};

/* Both descriptors are borrowed. */
void connections_init(struct connections *, int left_fd, int park_fd);
void connections_destroy(struct connections *);

size_t connections_count(struct connections *);

/* How many there are from the host of this address, to whose count this is. */
size_t connections_from(struct connections *, const struct address *,
			const atomic_ullong *count);

/*
 * Enter it, and count it for its listener.  Of one that comes after
 * connections_stop() the door is closed: connections_end() is due.
 */
void connections_enter(struct connections *, struct member *);

/* Take it out again and leave its descriptor as it is. */
void connections_withdraw(struct connections *, struct member *);

/* Take it out, close its descriptor, and ring left_fd where that is wanted. */
void connections_leave(struct connections *, struct member *);

/*
 * From now on the kernel takes nothing more from this peer: its thread reads
 * what is there already, then the end of the stream.
 */
void connections_stop_one(struct connections *, struct member *);

/* The same for all, and for those that come. */
void connections_stop(struct connections *);

/*
 * The two halves of connections_stop_one(), where many are to be stopped: what
 * takes time is done once, for all of them.
 */
void connections_close_door(struct connections *, struct member *);
void connections_end(struct connections *);

/*
 * From now on each thread is to call connections_stay() and end, as soon as it
 * has nothing to write; all stay in the register.
 */
void connections_park(struct connections *);
void connections_stay(struct connections *, struct member *);
bool connections_are_parked(struct connections *);

/* One of those that are parked, taken out; NULL: there are no more. */
struct member *connections_take(struct connections *);

/* The bytes that nobody has read yet, and *held, those read but no more. */
unsigned long long connections_unread(struct connections *,
				      unsigned long long *held);

/* Whether the main thread waits for connections to leave. */
void connections_want(struct connections *, bool);

#endif
