/* SPDX-License-Identifier: MIT */
/*
 * networks: who may talk to a listener, by its lists of networks.  An IPv4 peer
 * of an IPv6 socket is IPv4.  Pure; takes less than a microsecond with 10,000
 * networks.  Any thread.
 */
#ifndef PORTLOG_CONFIG_NETWORKS_H
#define PORTLOG_CONFIG_NETWORKS_H

#include <stdbool.h>

#include "config/config.h"

/* Whether it is in `allow`, or there is none, and not in `deny`. */
bool networks_allow(const struct listener_config *, const struct address *);

/* Whether it is in `proxies`: those are let in, and tell whom they stand for.
 */
bool networks_has_proxy(const struct listener_config *, const struct address *);

#endif
