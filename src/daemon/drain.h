/* SPDX-License-Identifier: MIT */
/*
 * drain: how a stop ends.  What the kernel holds is received and written, or
 * logged as abandoned.  All calls are the main thread's; none blocks on
 * outputs.
 */
#ifndef PORTLOG_DAEMON_DRAIN_H
#define PORTLOG_DAEMON_DRAIN_H

#include "daemon/listeners.h"
#include "daemon/retired.h"

/* Receive no more than what the kernel holds by now. */
void drain_begin(struct listeners *);

/*
 * After drain_begin(), whenever something has changed: accept the peers that
 * had connected by then.  true: all is received and written.
 */
bool drain_is_done(struct listeners *, struct retired *);

/* Log what the kernel holds still, as abandoned. */
void drain_log_unread(struct listeners *, struct retired *);

#endif
