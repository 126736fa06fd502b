/* SPDX-License-Identifier: MIT */
/* connection_thread: the life of a connection, in a thread of its own. */
#ifndef PORTLOG_INPUT_CONNECTION_THREAD_H
#define PORTLOG_INPUT_CONNECTION_THREAD_H

#include "input/connection.h"

/*
 * The thread: serves a connection of the registry to its end, then frees it.
 * Where it is handed over it stays in the registry, left open.
 */
void *connection_main(void *connection);

/*
 * Start it, or let the poller read for it and end it, unless it comes to need
 * a thread.  0: do not touch it any more, it may be gone.  Or an error number:
 * there is no thread.  Main thread.
 */
int connection_start(struct connection *);

#endif
