/* SPDX-License-Identifier: MIT */
/*
 * socket_peer: whom a connection is from: an address, or a process over a Unix
 * socket.  Any thread; no call blocks.
 */
#ifndef PORTLOG_SYSTEM_SOCKET_PEER_H
#define PORTLOG_SYSTEM_SOCKET_PEER_H

#include "base/address.h"

/* accept(2): a descriptor and its peer; -1 and errno. */
int sockets_accept(int fd, struct address *peer);

/* The peer of a connection; false: it has gone, and is unknown. */
bool sockets_get_peer(int fd, struct address *peer);

#endif
