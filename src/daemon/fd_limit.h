/* SPDX-License-Identifier: MIT */
/* fd_limit: a descriptor for each connection that the limits allow. */
#ifndef PORTLOG_DAEMON_FD_LIMIT_H
#define PORTLOG_DAEMON_FD_LIMIT_H

#include "config/config.h"

/*
 * Raise RLIMIT_NOFILE as far as it goes.  Returns for how many connections that
 * is enough, max_connections at the most: with more, accept(2) would fail where
 * peers are to wait.  Logs it if that is less.  Main thread; does not block.
 */
size_t fd_limit_raise(const struct config *);

/*
 * Lower it, while connections are received that the process before us had, to
 * what leaves descriptors for the rest of a start.  Main thread.
 */
void fd_limit_reserve(const struct config *);

#endif
