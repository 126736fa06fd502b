/* SPDX-License-Identifier: MIT */
/*
 * restart: what one process leaves to the next one.  All calls are the main
 * thread's; none blocks on outputs.
 */
#ifndef PORTLOG_DAEMON_RESTART_H
#define PORTLOG_DAEMON_RESTART_H

#include "daemon/listeners.h"
#include "daemon/retired.h"

/* How many descriptors a restart leaves in the fd store, at the most. */
size_t restart_fd_count(const struct listeners *);

/* Have all threads end between two reads; true once all have. */
void restart_begin(struct listeners *);
bool restart_is_ready(struct listeners *, struct retired *);

/* Leave all connections in flight. */
void restart_hand_over(struct listeners *);

/* Free the connections, which are the next process's; the run is, too. */
void restart_free(struct listeners *);

/* It becomes a stop: start all threads again.  false: one cannot be. */
bool restart_take_back(struct listeners *);

/*
 * Continue with the connections that the process before this one has left,
 * then put the state of this one in the place of that.
 */
void restart_take_over(struct listeners *, struct retired *,
		       struct listen_fds *);

/* The start has failed: log how many of them wait for the next one. */
void restart_log_waiting(const struct listen_fds *);

#endif
