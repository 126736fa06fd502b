/* SPDX-License-Identifier: MIT */
/*
 * restart: what one process leaves to the next one.  All calls are the main
 * thread's.
 */
#ifndef PORTLOG_DAEMON_RESTART_H
#define PORTLOG_DAEMON_RESTART_H

#include "daemon/listeners.h"
#include "daemon/retired.h"

/* How many descriptors a restart leaves in the fd store. */
size_t restart_fd_count(struct listeners *);

/* Have all threads end between two reads; true once all have. */
void restart_begin(struct listeners *);
bool restart_is_ready(struct listeners *, struct retired *);

/*
 * Save what the next process needs to know of listeners, and of the
 * connections whose threads have ended.
 */
void restart_hand_over(struct listeners *);

/* Go on with the connections that the process before us has left. */
void restart_take_over(struct listeners *, struct retired *,
		       struct listen_fds *);

#endif
