/* SPDX-License-Identifier: MIT */
/*
 * retired: listeners that the process before us had and that are not configured
 * any more.  Their sockets are read to the end and closed; their records go to
 * every output.  All calls are the main thread's; none blocks on outputs.
 */
#ifndef PORTLOG_DAEMON_RETIRED_H
#define PORTLOG_DAEMON_RETIRED_H

#include "daemon/listeners.h"

struct retired_listener;

struct retired {
	struct listeners *listeners;    /* borrowed */
	struct retired_listener *first; /* NULL: there is none */
};

/*
 * Take the sockets that no listener took, before the others are bound, which
 * may have the same ports.  No new peer can connect to those of TCP.
 */
void retired_open(struct retired *, struct listeners *, struct listen_fds *);

/*
 * Once the state of this process is stored: accept who waits at those of TCP,
 * and start to read those of UDP to their end.  false: there can be no thread.
 */
bool retired_start(struct retired *);

/*
 * The listener of a connection, by its key; made if need be.  NULL: the state
 * has no place for it.
 */
struct listener *retired_find(struct retired *, const char *key);

/* Close the sockets that are read to their end; whether all are. */
bool retired_are_done(struct retired *);

/* Log what will not be read, as abandoned. */
void retired_log_abandoned(struct retired *);

void retired_close(struct retired *);

#endif
