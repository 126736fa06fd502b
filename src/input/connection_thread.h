/* SPDX-License-Identifier: MIT */
/* connection_thread: the life of a connection, in a thread of its own. */
#ifndef PORTLOG_INPUT_CONNECTION_THREAD_H
#define PORTLOG_INPUT_CONNECTION_THREAD_H

#include "input/connection.h"

/* A connection that is not accepted yet; NULL: no memory.  Main thread. */
struct connection *connection_new(struct listener *);

/*
 * Its entry has a descriptor and a peer now; number counts from 1, over all
 * listeners.  Main thread.
 */
void connection_accepted(struct connection *, uint64_t number);

/*
 * The thread: serves a connection of the registry to its end, then frees it.
 * Where it is handed over it stays in the registry, left open.
 */
void *connection_main(void *connection);

#endif
