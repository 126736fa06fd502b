/* SPDX-License-Identifier: MIT */
/*
 * port_holder: which process has the port that a listener needs, as far as this
 * process may see that in /proc.  Main thread; blocks on /proc alone.
 */
#ifndef PORTLOG_SYSTEM_PORT_HOLDER_H
#define PORTLOG_SYSTEM_PORT_HOLDER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/proc_net.h"
#include "base/socket_holder.h"
#include "config/config.h"

struct port_holder {
	pid_t pid;                           /* 0: it cannot be seen */
	char program[SOCKET_HOLDER_PROGRAM]; /* "": likewise */
	/* It runs the program that we run; unseen: it is of our user. */
	bool is_ours;
};

/*
 * Find a socket that is in the way of this listener, first of all one that is
 * not ours.  false: there is none.
 */
bool port_holder_find(const struct net_sockets *,
		      const struct listener_config *, struct port_holder *);

/*
 * The same where bind(2) says that there is one.  The kernel's list is not of
 * one moment: a socket that is closed while we read it may hide another.  So
 * the list is read again, a few times, until it has one.
 */
bool port_holder_must_find(struct net_sockets *, const struct listener_config *,
			   struct port_holder *);

#define PORT_HOLDER_TEXT 256

/* The error of a failed bind(2) in words: who has the port, or what to do. */
void port_holder_explain(const struct listener_config *, int error,
			 char out[PORT_HOLDER_TEXT]);

#endif
