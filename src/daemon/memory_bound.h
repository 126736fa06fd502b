/* SPDX-License-Identifier: MIT */
/* memory_bound: how much memory all peers together can make it take. */
#ifndef PORTLOG_DAEMON_MEMORY_BOUND_H
#define PORTLOG_DAEMON_MEMORY_BOUND_H

#include "daemon/listeners.h"

/*
 * Log it, as it follows from max_connections and max_record.  Main thread; the
 * listeners are open.  Does not block.
 */
void memory_bound_log(const struct listeners *);

#endif
