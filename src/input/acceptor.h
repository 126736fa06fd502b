/* SPDX-License-Identifier: MIT */
/*
 * acceptor: accepts the connections of a TCP listener, each into a thread of
 * its own.  All calls are the main thread's, and none blocks on outputs.
 */
#ifndef PORTLOG_INPUT_ACCEPTOR_H
#define PORTLOG_INPUT_ACCEPTOR_H

#include "input/listener.h"

enum acceptor_result {
	ACCEPT_OK,    /* one was accepted, or is gone; there may be more */
	ACCEPT_NONE,  /* none waits */
	ACCEPT_RETRY, /* no descriptor, memory or thread: try again later */
};

/*
 * Accept one connection and start its thread, or refuse it where its source may
 * not talk to the listener or has max_connections_per_source.  One that could
 * get no thread is kept for the next call, with all that it has sent.
 */
enum acceptor_result acceptor_accept(struct listener *);

/* Whether one was accepted that has no thread yet. */
bool acceptor_holds_one(const struct listener *);

/*
 * Whether there is neither such a one nor any that waits to be accepted; this
 * asks the kernel's count, for without a free descriptor accept(2) fails.
 */
bool acceptor_nobody_waits(const struct listener *);

/* One that was accepted, for the registry; NULL: there is none. */
struct connection *acceptor_take_waiting(struct listener *);

/*
 * Give up all that wait to be accepted, or for a thread: how many, and the
 * bytes that they have sent, as far as descriptors suffice to see.
 */
unsigned acceptor_abandon(struct listener *, unsigned long long *unread);

/* Free what was allocated and not used. */
void acceptor_close(struct listener *);

#endif
