/* SPDX-License-Identifier: MIT */
/*
 * proc_net: the sockets of this host that have a port: TCP that listens, UDP
 * that is not connected.  Any thread; blocks on /proc alone.
 */
#ifndef PORTLOG_BASE_PROC_NET_H
#define PORTLOG_BASE_PROC_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/address.h"

struct net_socket {
	enum protocol protocol;
	struct address address; /* without its zone */
	uid_t owner;
	unsigned long inode;
	unsigned long queue; /* TCP: connections to accept; UDP: bytes */
	unsigned long drops; /* UDP: datagrams, since it was bound */
};

struct net_sockets {
	struct net_socket *list;
	size_t count;
};

/* Read them all.  Without /proc there are none. */
void proc_net_read(struct net_sockets *);
void proc_net_free(struct net_sockets *);

/* Whether what is sent to this address may reach the socket; ports aside. */
bool net_socket_overlaps(const struct net_socket *, const struct address *);

#endif
