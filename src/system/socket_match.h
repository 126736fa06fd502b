/* SPDX-License-Identifier: MIT */
/* socket_match: which sockets are there already, and whose listeners' they are.
 */
#ifndef PORTLOG_SYSTEM_SOCKET_MATCH_H
#define PORTLOG_SYSTEM_SOCKET_MATCH_H

#include <stdbool.h>

#include "config/config.h"

/* Whether a socket is a listener of this protocol. */
bool sockets_is_listener(int fd, enum protocol);

/* Whether it is bound to what the configuration asks for; port 0 is any. */
bool sockets_match(int fd, const struct listener_config *);

/* And whether it is IPv4's too just where all addresses are asked for. */
bool sockets_fits_families(int fd, const struct listener_config *);

/*
 * Whether this user has a socket there, in any process or in none; or on the
 * same port, of whatever address.
 */
bool sockets_are_ours(const struct listener_config *);
bool sockets_have_port(const struct listener_config *);

#endif
