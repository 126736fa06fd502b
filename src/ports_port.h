/* SPDX-License-Identifier: MIT */
/* ports_port: one of the ports, for those who look into it. */
#ifndef PORTLOG_PORTS_PORT_H
#define PORTLOG_PORTS_PORT_H

#include "listener.h"
#include "ports.h"
#include "tcp.h"
#include "udp.h"

/* A listener with what receives for it: one of the two. */
struct port {
	struct listener listener;
	struct acceptor acceptor;
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

/* Whose listener is no more: connections are heard to their end, and closed. */
struct orphanage {
	struct orphanage *next;
	struct listener listener;
	struct listener_config config;
};

/* Take over what the process before us has left. */
void ports_take_over(struct ports *, struct inherited *);
void ports_close_orphanage(struct ports *);

#endif
