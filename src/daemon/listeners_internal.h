/* SPDX-License-Identifier: MIT */
/* ports_port: one of the ports, for those who look into it. */
#ifndef PORTLOG_DAEMON_LISTENERS_INTERNAL_H
#define PORTLOG_DAEMON_LISTENERS_INTERNAL_H

#include "daemon/listeners.h"
#include "input/acceptor.h"
#include "input/listener.h"
#include "input/note_summary.h"
#include "input/udp.h"

/* A listener with what receives for it: one of the two. */
struct port {
	struct listener listener;
	struct acceptor acceptor;
	struct tally tally;
	struct udp *udp;
	long long rest_until_ms; /* short of something; 0: no */
	bool is_full;            /* has all the connections that it may */
};

static inline bool
ports_is_tcp(const struct port *port)
{
	return port->listener.config->protocol == PROTOCOL_TCP;
}

static inline bool
ports_is_resting(const struct port *port, long long now_ms)
{
	return port->rest_until_ms > now_ms;
}

/* Accept whoever waits; true: nobody does any more. */
bool ports_accept_all(struct ports *, struct port *);

/* A listener that is no more, as long as anything is left of it. */
struct orphan {
	struct orphan *next;
	struct listener listener;
	struct listener_config config;
	struct udp *udp; /* NULL: its socket is not, or no more */
};

/* Have what was counted noted, once nobody counts any more: whether it is. */
bool ports_finish_tallies(struct ports *);

/* Take over what the process before us has left. */
void ports_take_over(struct ports *, struct inherited *);

/*
 * Before the others are bound: free the ports of those that nobody wants any
 * more.  Whoever waits for one of TCP is among the connections then.
 */
void ports_disown(struct ports *, struct inherited *);

/* What belongs to no listener that there is; made if need be. */
struct listener *ports_find_orphan(struct ports *, const char *key);

/* Read what their UDP sockets hold; false: there can be no thread. */
bool ports_start_orphans(struct ports *, int wake_fd, const struct inherited *);

/* Whether all of that is read, and whoever is done has left its port. */
bool ports_orphans_are_done(struct ports *);

void ports_close_orphans(struct ports *);

#endif
