/* SPDX-License-Identifier: MIT */
/*
 * listeners_accept: the loop's view of the listeners: which of them to poll,
 * and to accept for those that have room.  Main thread; nothing here blocks.
 */
#ifndef PORTLOG_DAEMON_LISTENERS_ACCEPT_H
#define PORTLOG_DAEMON_LISTENERS_ACCEPT_H

#include <poll.h>

#include "daemon/listeners.h"

/* Whether it failed to accept and waits before it tries again. */
static inline bool
listener_is_backing_off(const struct listener *listener, long long now_ms)
{
	return listener->retry_at_ms > now_ms;
}

/*
 * Fill one pollfd for each.  A listener that is at its limit or has failed to
 * accept is left out, so that poll(2) does not spin; *until_ms is brought
 * forward to when one is to be tried again.
 */
void listeners_poll(struct listeners *, struct pollfd *, long long *until_ms);

/* Accept for those that are ready. */
void listeners_accept(struct listeners *, const struct pollfd *);

/* Accept all that wait, as far as there is room; true: none waits any more. */
bool listeners_accept_all(struct listeners *, struct listener *);

#endif
