/* SPDX-License-Identifier: MIT */
/*
 * flight: which connections are in flight, so that they outlive this process,
 * and which are too young for that: most end within a second.  What has ended
 * is in flight until all of its message has; then the message is dropped, or
 * what is left of it sent anew.  See inflight.h.  Any thread that holds the
 * registry's lock; no call blocks.
 */
#ifndef PORTLOG_INPUT_FLIGHT_H
#define PORTLOG_INPUT_FLIGHT_H

#include "system/inflight.h"

/* A connection's place here. */
struct flight_entry {
	struct flight_entry *next, **link;
	int fd;             /* borrowed; -1: it is in no list */
	long long added_ms; /* on CLOCK_MONOTONIC */
	uint64_t message;   /* in flight there; 0: it is not */
};

struct flight_list {
	struct flight_entry *first, **end;
};

struct flight {
	struct inflight *inflight; /* borrowed */
	struct flight_list sent;   /* in the order of their messages */
	struct flight_list young;  /* and of their age */
	size_t sent_count;
	long long send_at_ms; /* not before, on CLOCK_MONOTONIC */
};

void flight_init(struct flight *, struct inflight *);

/*
 * Add a connection.  Its message is 0, or where it is in flight already: then
 * call this in the order of the messages.
 */
void flight_add(struct flight *, struct flight_entry *, int fd);
void flight_remove(struct flight *, struct flight_entry *);

/* Whether flight_send() has something to tidy up. */
bool flight_is_sparse(const struct flight *);

/*
 * Send those that are older than a second, or all.  send: when to call it
 * again, on CLOCK_MONOTONIC; LLONG_MAX: when one was added.  send_all: how many
 * could not be sent.
 */
long long flight_send(struct flight *);
size_t flight_send_all(struct flight *);

/* Send all that are in flight again, so that nothing else is. */
void flight_send_anew(struct flight *);

#endif
