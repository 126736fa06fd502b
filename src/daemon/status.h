/* SPDX-License-Identifier: MIT */
/*
 * status: a Unix socket at which this host's users may look at the daemon.  A
 * thread of its own accepts, and each request has another, eight at the most.
 * None of them changes anything, or keeps the daemon from its end: they are
 * left as they are.  All calls are the main thread's.
 */
#ifndef PORTLOG_DAEMON_STATUS_H
#define PORTLOG_DAEMON_STATUS_H

#include "daemon/gate.h"
#include "daemon/status_answer.h"

struct status;

/*
 * Bind the socket that the configuration names, and answer from now on; the
 * view is copied, and its gate set.  From then on the caller is inside the
 * gate.  NULL: there is none; where that is a fault it is logged, and the
 * daemon serves without.
 */
struct status *status_open(const struct status_view *);

/* Let requests look while the main thread waits, and no more.  NULL: no-op. */
void status_leave(struct status *);
void status_enter(struct status *);

/*
 * Remove the path.  Do not leave the gate any more: requests then wait for the
 * end of the process.
 */
void status_close(struct status *);

#endif
