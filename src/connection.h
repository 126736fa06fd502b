/* SPDX-License-Identifier: MIT */
/* connection: one TCP peer, served by a thread of its own. */
#ifndef PORTLOG_CONNECTION_H
#define PORTLOG_CONNECTION_H

#include <stdint.h>
#include <time.h>

#include "connections.h"
#include "framer.h"
#include "listener.h"
#include "pace.h"
#include "tally.h"

/*
 * Made by the acceptor; it belongs to the thread from when that has started,
 * and the thread frees it.  What it points to is borrowed.
 */
struct connection {
	struct member member; /* fd -1 until it is accepted */
	struct listener *listener;
	struct connections *connections;
	struct tally *tally;
	struct origin origin;
	struct framer framer;
	struct pace pace;
	struct batch *batch;  /* NULL while no data is in hand */
	struct timespec time; /* of the last read */
	long long opened_ms;  /* these on CLOCK_MONOTONIC */
	long long received_ms;
	long long unfinished_ms; /* the oldest byte not yet shown; 0: none */
	uint64_t records;
	uint64_t bytes;
	bool is_bad; /* a bad frame ended it */
};

/* NULL: no memory. */
struct connection *connection_new(struct listener *, struct connections *,
				  struct tally *);

/* Its member has a descriptor and a peer now; number counts from 1. */
void connection_accepted(struct connection *, uint64_t number);

/* The thread: serves the connection to its end, then frees it. */
void *connection_main(void *connection);

#endif
