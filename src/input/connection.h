/* SPDX-License-Identifier: MIT */
/* connection: one TCP peer, served by a thread of its own. */
#ifndef PORTLOG_INPUT_CONNECTION_H
#define PORTLOG_INPUT_CONNECTION_H

#include <semaphore.h>
#include <stdint.h>
#include <time.h>

#include "input/coalesce.h"
#include "input/listener.h"
#include "input/registry.h"
#include "record/framer.h"
#include "system/saved_state.h"

/*
 * Made by the acceptor; it belongs to the thread from when that has started,
 * and the thread frees it.  What it points to is borrowed.
 */
struct connection {
	struct entry entry; /* fd -1 until it is accepted */
	struct listener *listener;
	struct registry *registry;
	struct origin origin;
	struct framer framer;
	struct coalesce coalesce;
	unsigned long listener_reads; /* of all peers, at the last of its own */
	struct {
		struct connection *next, **link;
		sem_t left; /* posted once it is out of the crowd again */
		int ending; /* enum ending, known then */
	} poll_entry;       /* in a crowd, see connection_crowd.h */
	struct ledger_entry *ledger_entry; /* NULL: it has none */
	struct batch *batch;               /* NULL while no data is in hand */
	struct batch *shared; /* where records go in its place; or NULL */
	struct timespec time; /* of the last read */
	long long opened_ms;  /* these on CLOCK_MONOTONIC */
	long long received_ms;
	long long unfinished_ms; /* the oldest byte not yet shown; 0: none */
	uint64_t records;
	uint64_t bytes;
	uint64_t lost;   /* of these in a process that was killed; not told */
	int error;       /* of the socket, asked for and so told once; or 0 */
	bool is_bad;     /* a bad frame ended it */
	bool is_idle;    /* its time is up */
	bool is_stopped; /* for one of these */
	bool is_kept;    /* by systemd, in case that we are no more */
	bool was_taken;  /* over from the process before */
};

/* NULL: no memory. */
struct connection *connection_new(struct listener *, struct registry *);

/* Its member has a descriptor and a peer now; number counts from 1. */
void connection_accepted(struct connection *, uint64_t number);

/*
 * Take over one that another process has accepted: its member has a descriptor
 * and a peer.  What is known of it, held bytes too, is not needed any more
 * once its thread has started.
 */
void connection_take_over(struct connection *, const struct saved_connection *,
			  const unsigned char *held);

/*
 * Of one that is parked: add what is known of it for the next process, and
 * free it.  Its descriptor is closed here.
 */
void connection_hand_over(struct connection *, struct buffer *);

/* The thread: serves the connection to its end, then frees it. */
void *connection_main(void *connection);

#endif
