/* SPDX-License-Identifier: MIT */
/* The end of it: what the kernel holds is received, or told as abandoned. */
#include "base/clock.h"
#include "base/diag.h"
#include "daemon/listeners.h"
#include "daemon/listeners_internal.h"

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

/* Without a descriptor to spare accept() does not tell it, but the kernel. */
static bool
nobody_waits(const struct port *port)
{
	return !tcp_holds_one(&port->acceptor) &&
	       sockets_waiting(port->listener.socket.fd) == 0;
}

/* Behind a door that is closed it would go on to drop, unseen. */
static void
close_drained(struct port *port)
{
	if (udp_is_done(port->udp) && !port->listener.is_shared)
		listener_close_socket(&port->listener, true);
}

/* Whoever has connected is still heard; then the listener is closed. */
static void
drain_port(struct ports *ports, struct port *port)
{
	long long now_ms = clock_now_ms();
	bool all = false;

	if (!ports_is_tcp(port))
		close_drained(port);
	if (!ports_is_tcp(port) || port->listener.socket.fd < 0)
		return;
	/*
	 * All of them, so that they are ended in one go; but to a socket that
	 * others share they may come without end.
	 */
	while (!ports_is_resting(port, now_ms) &&
	       !(all = ports_accept_all(ports, port)) && !port->is_full &&
	       !port->listener.is_shared)
		;
	if (all || nobody_waits(port))
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
ports_finish_tallies(struct ports *ports)
{
	bool done = true;

	for (size_t i = 0; i < ports->count; i++) {
		struct port *port = &ports->list[i];

		if (ports_is_tcp(port) && !ports->tally_stopped)
			tally_stop(&port->tally);
		if (ports_is_tcp(port) && !tally_is_done(&port->tally))
			done = false;
	}
	ports->tally_stopped = true;
	return done;
}

bool
ports_drain(struct ports *ports)
{
	for (size_t i = 0; i < ports->count; i++)
		drain_port(ports, &ports->list[i]);
	connections_end(&ports->connections);
	return is_quiet(ports) && ports_finish_tallies(ports);
}

/* Nobody will hear them, but what they have sent is counted. */
static void
tell_waiting(struct port *port)
{
	unsigned long long unread = 0;
	unsigned count = tcp_abandon(&port->acceptor, &unread);

	if (count > 0)
		diag(LOG_ERR,
		     "abandoned: listener %s: %u connections waiting, %llu "
		     "bytes unread",
		     port->listener.name, count, unread);
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
		struct port *port = &ports->list[i];

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
	for (size_t i = 0; i < ports->count; i++)
		if (ports_is_tcp(&ports->list[i]))
			tally_tell(&ports->list[i].tally);
}
