/* SPDX-License-Identifier: MIT */
/* tcp: accept, and hand over to a thread that reads, frames and emits. */
#ifndef PORTLOG_INPUT_ACCEPTOR_H
#define PORTLOG_INPUT_ACCEPTOR_H

#include <stdatomic.h>

#include "input/listener.h"
#include "input/registry.h"

struct connection;

/* What accepts for one listener; all that it points to is borrowed. */
struct acceptor {
	struct listener *listener;
	struct registry *registry;
	atomic_ullong
		*connection_number; /* of the last one, of all listeners */
	struct connection *next;    /* made before it is accepted; owned */
};

enum accepted {
	ACCEPT_OK,    /* one; there may be more */
	ACCEPT_NONE,  /* nobody waits */
	ACCEPT_RETRY, /* of descriptors, memory or threads: rest for a while
		       */
};

/*
 * Accept one connection and start its thread, or refuse it where its source
 * has enough.  Whoever could get no thread is kept for the next call, with all
 * that it has sent.  There must be room for one more connection.
 */
enum accepted tcp_accept(struct acceptor *);

/* Whether one was accepted that has no thread yet. */
bool tcp_holds_one(const struct acceptor *);

/*
 * Give up whoever waits to be accepted, or for a thread: how many they are,
 * and the bytes that they have sent, as far as descriptors suffice to see.
 */
unsigned tcp_abandon(struct acceptor *, unsigned long long *unread);

/* Free what was made and not used. */
void tcp_close(struct acceptor *);

#endif
