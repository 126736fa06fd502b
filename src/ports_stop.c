/* SPDX-License-Identifier: MIT */
/* A stop: what the kernel holds already is received, and nothing after it. */
#include "clock.h"
#include "diag.h"
#include "ports.h"
#include "ports_port.h"

void
ports_stop(struct ports *ports)
{
	ports->stopping = true;
	/* From here on the main thread waits for the last one to leave. */
	connections_want(&ports->connections, true);
	for (size_t i = 0; i < ports->count; i++) {
		listener_forsake(&ports->list[i].listener);
		if (ports->list[i].udp)
			udp_stop(ports->list[i].udp);
	}
	connections_stop(&ports->connections);
}

/* Whoever has connected is still heard; then the listener is closed. */
static void
drain_port(struct ports *ports, struct port *port)
{
	long long now_ms = clock_now_ms();
	bool all;

	if (!ports_is_tcp(port) || port->listener.socket.fd < 0 ||
	    ports_is_resting(port, now_ms))
		return;
	/* All of them, so that they are ended in one go. */
	while (!(all = ports_accept_all(ports, port)) && !port->is_full &&
	       !ports_is_resting(port, now_ms))
		;
	if (all)
		listener_close_socket(&port->listener, true);
}

/* Nobody receives any more, so nobody counts: the last notes are due. */
static bool
is_quiet(struct ports *ports)
{
	for (size_t i = 0; i < ports->count; i++) {
		const struct port *port = &ports->list[i];

		if (ports_is_tcp(port) ? port->listener.socket.fd >= 0
				       : !udp_is_done(port->udp))
			return false;
	}
	return ports_orphans_are_done(ports) &&
	       connections_count(&ports->connections) == 0;
}

bool
ports_drain(struct ports *ports)
{
	for (size_t i = 0; i < ports->count; i++)
		drain_port(ports, &ports->list[i]);
	connections_end(&ports->connections);
	if (!ports->tally_stopped && is_quiet(ports)) {
		tally_stop(&ports->tally);
		ports->tally_stopped = true;
	}
	return ports->tally_stopped && tally_is_done(&ports->tally);
}

static void
tell_waiting(const struct port *port)
{
	unsigned count = sockets_waiting(port->listener.socket.fd) +
			 tcp_holds_one(&port->acceptor);

	if (count > 0)
		diag(LOG_ERR, "abandoned: listener %s: %u connections waiting",
		     port->listener.name, count);
}

void
ports_tell_unread(struct ports *ports)
{
	size_t count = connections_count(&ports->connections);

	if (count > 0) {
		unsigned long long unread, held;

		unread = connections_unread(&ports->connections, &held);
		if (ports->is_parking)
			unread = 0; /* they are kept, and will be read */
		diag(LOG_ERR,
		     "abandoned: %zu connections, %llu bytes unread, %llu "
		     "read and not yet records",
		     count, unread, held);
	}
	for (size_t i = 0; i < ports->count; i++) {
		const struct port *port = &ports->list[i];

		/* What is parked or shared is left to the next process. */
		if (ports->is_parking || port->listener.is_shared)
			continue;
		if (port->udp && !udp_is_done(port->udp))
			udp_tell_abandoned(port->udp);
		if (ports_is_tcp(port) && port->listener.socket.fd >= 0)
			tell_waiting(port);
	}
	for (struct orphan *o = ports->orphans; o; o = o->next)
		if (o->udp && !udp_is_done(o->udp) && !ports->is_parking)
			udp_tell_abandoned(o->udp);
	tally_tell(&ports->tally);
}
