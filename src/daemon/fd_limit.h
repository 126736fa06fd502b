/* SPDX-License-Identifier: MIT */
/* server_descriptors: one for each connection that may come. */
#ifndef PORTLOG_DAEMON_FD_LIMIT_H
#define PORTLOG_DAEMON_FD_LIMIT_H

#include "config/config.h"

/*
 * Raise the limit to what there may be, and return for how many connections
 * that is enough, max_connections at the most: else accept() would fail where
 * resting is meant.  What it is less is told on stderr.
 */
size_t fd_limit_raise(const struct config *);

#endif
