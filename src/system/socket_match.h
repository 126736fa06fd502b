/* SPDX-License-Identifier: MIT */
/*
 * socket_match: whether a socket is the one that a listener of the
 * configuration needs.  Any thread; no call blocks on outputs.
 */
#ifndef PORTLOG_SYSTEM_SOCKET_MATCH_H
#define PORTLOG_SYSTEM_SOCKET_MATCH_H

#include <stdbool.h>

#include "config/config.h"

/* Whether this is a socket of datagrams, or one of streams that listens. */
bool sockets_is_listener(int fd, enum protocol);

/* The protocol of such a socket; PROTOCOL_NONE: it is none. */
enum protocol sockets_protocol(int fd);

/* Whether this is a stream socket with a peer. */
bool sockets_is_connection(int fd);

/*
 * Whether it is bound to the configured protocol, address, port and interface,
 * and not connected, or to its path.  Port 0 matches any port.
 */
bool sockets_match(int fd, const struct listener_config *);

/* Whether an IPv6 socket receives IPv4 too if the address is "*", else not. */
bool sockets_fits_families(int fd, const struct listener_config *);

/*
 * Whether a socket of this user, in any process, is bound to the configured
 * address and port, on whatever interface.  Reads /proc/net.
 */
bool sockets_are_ours(const struct listener_config *);

#endif
