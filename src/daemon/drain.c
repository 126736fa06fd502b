/* SPDX-License-Identifier: MIT */
/* The end of it: what the kernel holds is received, or told as abandoned. */
#include "base/clock.h"
#include "base/diag.h"
#include "daemon/listeners.h"
#include "daemon/listeners_internal.h"

void
drain_begin(struct listeners *ports)
{
	ports->stopping = true;
	/* From here on the main thread waits for the last one to leave. */
	registry_want_wakeup(&ports->registry, true);
	for (size_t i = 0; i < ports->count; i++) {
		listener_stop_listening(&ports->list[i].listener);
		if (ports->list[i].udp)
			udp_stop(ports->list[i].udp);
	}
	registry_stop_all(&ports->registry);
}

/* Without a descriptor to spare accept() does not tell it, but the kernel. */
static bool
nobody_waits(const struct port *port)
{
	return !tcp_holds_one(&port->acceptor) &&
	       sockets_pending(port->listener.socket.fd) == 0;
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
drain_port(struct listeners *ports, struct port *port)
{
	long long now_ms = clock_now_ms();
	bool all = false;

	if (!listener_is_tcp(port))
		close_drained(port);
	if (!listener_is_tcp(port) || port->listener.socket.fd < 0)
		return;
	/*
	 * All of them, so that they are ended in one go; but to a socket that
	 * others share they may come without end.
	 */
	while (!listener_is_backing_off(port, now_ms) &&
	       !(all = listeners_accept_all(ports, port)) && !port->at_limit &&
	       !port->listener.is_shared)
		;
	if (all || nobody_waits(port))
		listener_close_socket(&port->listener, true);
}

/* Nobody receives any more, so nobody counts: the last notes are due. */
static bool
is_quiet(struct listeners *ports)
{
	for (size_t i = 0; i < ports->count; i++) {
		const struct port *port = &ports->list[i];

		if (listener_is_tcp(port) ? port->listener.socket.fd >= 0
					  : !udp_is_done(port->udp))
			return false;
	}
	return retired_are_done(ports) && registry_count(&ports->registry) == 0;
}

bool
listeners_finish_summaries(struct listeners *ports)
{
	bool done = true;

	for (size_t i = 0; i < ports->count; i++) {
		struct port *port = &ports->list[i];

		if (listener_is_tcp(port) && !ports->summaries_stopped)
			note_summary_stop(&port->summary);
		if (listener_is_tcp(port) &&
		    !note_summary_is_done(&port->summary))
			done = false;
	}
	ports->summaries_stopped = true;
	return done;
}

bool
drain_continue(struct listeners *ports)
{
	for (size_t i = 0; i < ports->count; i++)
		drain_port(ports, &ports->list[i]);
	registry_shut_down_blocked(&ports->registry);
	return is_quiet(ports) && listeners_finish_summaries(ports);
}

/* Nobody will hear them, but what they have sent is counted. */
static void
log_pending(struct port *port)
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
drain_log_unread(struct listeners *ports)
{
	size_t count = registry_count(&ports->registry);

	if (count > 0) {
		unsigned long long unread, held;

		unread = registry_count_unread(&ports->registry, &held);
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
			udp_log_abandoned(port->udp);
		if (listener_is_tcp(port) && port->listener.socket.fd >= 0)
			log_pending(port);
	}
	for (struct retired_listener *o = ports->retired; o; o = o->next)
		if (o->udp && !udp_is_done(o->udp) && !ports->is_parking)
			udp_log_abandoned(o->udp);
	for (size_t i = 0; i < ports->count; i++)
		if (listener_is_tcp(&ports->list[i]))
			note_summary_log(&ports->list[i].summary);
}
