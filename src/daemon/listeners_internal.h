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
	struct summary summary;
	struct udp *udp;
	long long retry_at_ms; /* short of something; 0: no */
	bool at_limit;         /* has all the connections that it may */
};

static inline bool
listener_is_tcp(const struct port *port)
{
	return port->listener.config->protocol == PROTOCOL_TCP;
}

static inline bool
listener_is_backing_off(const struct port *port, long long now_ms)
{
	return port->retry_at_ms > now_ms;
}

/* Accept whoever waits; true: nobody does any more. */
bool listeners_accept_all(struct listeners *, struct port *);

/* A listener that is no more, as long as anything is left of it. */
struct retired_listener {
	struct retired_listener *next;
	struct listener listener;
	struct listener_config config;
	struct udp *udp; /* NULL: its socket is not, or no more */
};

/* Have what was counted noted, once nobody counts any more: whether it is. */
bool listeners_finish_summaries(struct listeners *);

/* Take over what the process before us has left. */
void restart_take_over(struct listeners *, struct listen_fds *);

/*
 * Before the others are bound: free the ports of those that nobody wants any
 * more.  Whoever waits for one of TCP is among the connections then.
 */
void retired_close_listeners(struct listeners *, struct listen_fds *);

/* What belongs to no listener that there is; made if need be. */
struct listener *retired_find(struct listeners *, const char *key);

/* Read what their UDP sockets hold; false: there can be no thread. */
bool retired_start(struct listeners *, int wake_fd, const struct listen_fds *);

/* Whether all of that is read, and whoever is done has left its port. */
bool retired_are_done(struct listeners *);

void retired_close(struct listeners *);

#endif
