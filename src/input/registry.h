/* SPDX-License-Identifier: MIT */
/*
 * registry: all live TCP connections.  The main thread adds each, its own
 * thread or the poller removes it; the limits are counted here.  The lock is
 * inside, and no call blocks on outputs.
 */
#ifndef PORTLOG_INPUT_REGISTRY_H
#define PORTLOG_INPUT_REGISTRY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "input/flight.h"

#define REGISTRY_BUCKETS 1024

enum registry_state {
	ENTRY_OPEN,
	ENTRY_INPUT_BLOCKED, /* the kernel takes nothing more of its peer */
	ENTRY_SHUT_DOWN,     /* and its thread reads the end of the stream */
	ENTRY_LEFT_OPEN,     /* its thread has ended: for the next process */
};

/* A connection's place in the registry.  It is the first field of that. */
struct registry_entry {
	struct registry_entry *next, **link;
	struct flight_entry flight;
	struct address peer;
	struct address source; /* of that: set when it is added */
	struct address proxy;  /* that has told of the peer; size 0: none */
	atomic_ullong *count;  /* of its listener; borrowed */
	/* Of its listener, how many are not admitted; NULL: it is; borrowed. */
	atomic_size_t *unadmitted;
	atomic_size_t held;    /* bytes read that are no record yet */
	atomic_ullong records; /* these three as of the last read */
	atomic_ullong bytes;
	atomic_llong received_ms;  /* CLOCK_MONOTONIC; 0: nothing yet */
	int fd;                    /* closed by registry_close() alone */
	enum registry_state state; /* under the lock */
	bool unconfirmed;    /* an output did not take all: no end in order */
	atomic_bool was_cut; /* shut down before its peer had ended it */
};

/* Where a walk through all entries is. */
struct registry_walk {
	struct registry_walk *other;
	struct registry_entry *next;
	size_t bucket; /* the one behind that of `next` */
};

struct registry {
	pthread_mutex_t lock;
	/* Under the lock: */
	struct registry_entry *buckets[REGISTRY_BUCKETS]; /* by source */
	atomic_size_t count;         /* changed under the lock */
	size_t left_open;            /* of count, those in that state */
	struct registry_walk *walks; /* that go on; borrowed */
	struct flight flight;
	bool stopping;         /* block the input of whatever is added */
	bool shutdown_pending; /* some have their input blocked, no more */

	atomic_bool handing_over; /* threads are to end between two reads */
	int handover_fd;          /* an eventfd, readable from then on */
	atomic_bool wanted;       /* ring left_fd when there is more room */
	int left_fd;              /* an eventfd */
	unsigned source_prefix_v6;
};

/* All are borrowed.  source_prefix_v6: what address_source() keeps. */
void registry_init(struct registry *, struct inflight *, int left_fd,
		   int handover_fd, unsigned source_prefix_v6);
void registry_destroy(struct registry *);

/*
 * How many there are; whether there are so many, which does not wait for a
 * thread that has just ended one.
 */
size_t registry_count(struct registry *);
bool registry_has(struct registry *, size_t count);

/* How many entries of this peer's source have that count. */
size_t registry_count_source(struct registry *, const struct address *,
			     const atomic_ullong *count);

/*
 * Add an entry, and count it for its listener.  flight.message is as
 * flight_add() has it.  After registry_stop_all() the input is blocked: call
 * registry_shut_down_blocked() next.  Main thread.
 */
void registry_add(struct registry *, struct registry_entry *);

/*
 * Its peer is another one, unless the source of that has max entries with its
 * count; 0: no limit.  false: it has.  The connection's thread.
 */
bool registry_set_peer(struct registry *, struct registry_entry *,
		       const struct address *peer, size_t max);

/* It is admitted: it counts as unadmitted no longer.  The connection's thread.
 */
void registry_admit(struct registry *, struct registry_entry *);

/* Whether the kernel takes nothing more of its peer.  Any thread. */
bool registry_is_stopped(struct registry *, const struct registry_entry *);

/* Remove an entry and leave its descriptor open.  Main thread. */
void registry_remove(struct registry *, struct registry_entry *);

/* Remove an entry and close its descriptor.  Its thread, or the poller. */
void registry_close(struct registry *, struct registry_entry *);

/*
 * Let the kernel take nothing more of this peer; its thread then reads what
 * the kernel holds, and the end.  Waits some milliseconds for packets in
 * flight.  The connection's thread.
 */
void registry_stop_one(struct registry *, struct registry_entry *);

/* The same for all entries, and for those added later.  Main thread. */
void registry_stop_all(struct registry *);

/*
 * registry_stop_one() in two steps, for many entries: block each, then wait
 * once for packets in flight and shut all of them down.  Main thread.
 */
void registry_block_input(struct registry *, struct registry_entry *);
void registry_shut_down_blocked(struct registry *);

/*
 * Send entries that are older than a second, or all, into flight, so that they
 * outlive this process.  Returns when to call it again, on CLOCK_MONOTONIC;
 * LLONG_MAX: when one was added.  send_all returns how many could not be sent.
 * Main thread.
 */
long long registry_send(struct registry *);
size_t registry_send_all(struct registry *);

/* Send all that are in flight again, so that nothing else is.  Main thread. */
void registry_send_anew(struct registry *);

/*
 * Have each thread call registry_leave_open() and end, as soon as it has
 * nothing to write, and the pollers for those without.  The entries stay.  Main
 * thread; leave_open: its thread.
 */
void registry_hand_over(struct registry *);
void registry_leave_open(struct registry *, struct registry_entry *);
bool registry_is_handed_over(struct registry *);

/*
 * Undo that, and call start for each entry that was left open: its thread has
 * to start again.  Main thread.
 */
void registry_take_back(struct registry *,
			void (*start)(struct registry_entry *, void *), void *);

/* Whether left_fd is rung when one is removed or admitted.  Main thread. */
void registry_want_wakeup(struct registry *, bool);

#endif
