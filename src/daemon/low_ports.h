/* SPDX-License-Identifier: MIT */
/* low_ports: ports that need a capability, bound for a daemon without one. */
#ifndef PORTLOG_DAEMON_LOW_PORTS_H
#define PORTLOG_DAEMON_LOW_PORTS_H

#include <stdbool.h>

#include "config/config.h"

/*
 * Bind the listeners whose ports are privileged and put their sockets into the
 * fd store, for the process that opens them.  false: not all could be bound, or
 * there is no fd store; stderr has the reason.  Main thread.
 */
bool low_ports_bind(const struct config *);

#endif
