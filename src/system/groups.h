/* SPDX-License-Identifier: MIT */
/*
 * groups: the multicast groups of a UDP socket.  Main thread; no call blocks.
 */
#ifndef PORTLOG_SYSTEM_GROUPS_H
#define PORTLOG_SYSTEM_GROUPS_H

#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

/* As the state has them: IPv6, or IPv4 as such; all zero: no more. */
struct groups {
	uint8_t list[CONFIG_GROUPS][16];
};

/*
 * Join the groups of a listener that its socket is not in, on its interface or
 * where the kernel's route to a group goes; *joined is how many these are.
 * NULL: it is in all of them.  Else errno and one that it cannot join; ENODEV:
 * the interface or the route is not there.
 */
const char *groups_join(int fd, const struct listener_config *, size_t *joined);

/*
 * Before it is bound: receive from its groups alone, not from all that any
 * process of this host has joined, and let others bind the port where there are
 * groups, to receive from them too.  Join them, but for what is not there yet.
 * false: errno.
 */
bool groups_set_up(int fd, const struct listener_config *);

/* What the state is to say of a listener. */
void groups_save(struct groups *, const struct listener_config *);

/* Leave those that a listener had, as saved, and does not have any more. */
void groups_leave_others(int fd, const struct listener_config *,
			 const struct groups *saved);

/* Leave them all. */
void groups_leave(int fd, const struct listener_config *);

#endif
