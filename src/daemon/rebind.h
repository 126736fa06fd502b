/* SPDX-License-Identifier: MIT */
/*
 * rebind: listeners whose interface or address is not there: not yet, as at
 * boot, or not any more, as of a VPN.  They are bound as soon as it is, and
 * their multicast groups joined.  All calls are the main thread's; none blocks
 * on outputs.
 */
#ifndef PORTLOG_DAEMON_REBIND_H
#define PORTLOG_DAEMON_REBIND_H

#include "daemon/listeners.h"

/*
 * Look once a second at those that depend on an interface or have groups, and
 * try to bind those that are absent; when to call it again is in *until_ms, if
 * that is sooner.
 */
void rebind_tend(struct listeners *, long long *until_ms);

#endif
