/* SPDX-License-Identifier: MIT */
#include "daemon/listeners.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/memory.h"
#include "daemon/listeners_internal.h"
#include "input/poller.h"
#include "record/framer.h"

/* Connections accepted in one turn, so that signals are never far. */
#define ACCEPTS 64
#define REST_MS 1000

static void
prepare(struct ports *ports, struct port *port,
	const struct listener_config *config, struct inherited *in)
{
	port->acceptor = (struct acceptor){
		.listener = &port->listener,
		.connections = &ports->connections,
		.connection_number = &ports->connection_number,
	};
	port->listener.ledger = &ports->ledger;
	listener_find(&port->listener, config, in);
}

static bool
open_port(struct ports *ports, struct port *port, long backlog,
	  struct inherited *in)
{
	const struct listener_config *config = port->listener.config;
	size_t max_record = (size_t)config->limits.max_record;
	size_t input = ports_is_tcp(port) ? framer_capacity(max_record)
					  : udp_input_size(config);
	struct kept_listener kept;

	if (!listener_open(&port->listener, backlog, ports->orphans,
			   ports->outputs, input))
		return false;
	/* Before a thread counts on. */
	if (inherited_of_listener(in, port->listener.key, &kept))
		listener_take_over(&port->listener, &kept);
	return true;
}

bool
ports_open(struct ports *ports, const struct config *config,
	   size_t max_connections, struct outputs *outputs, int wake_fd,
	   int park_fd, struct inherited *in)
{
	uint64_t last, number;
	bool opened = true;

	connections_init(&ports->connections, wake_fd, park_fd);
	ledger_open(&ports->ledger, in);
	/* No number twice: what the ledger has of an older one would be its. */
	last = ledger_last_number(&ports->ledger);
	number = inherited_last_number(in);
	atomic_store(&ports->connection_number, number > last ? number : last);
	ports->outputs = outputs;
	ports->max_connections = max_connections;
	ports->count = config->listener_count;
	ports->list = memory_zeroed(ports->count, sizeof *ports->list);
	for (size_t i = 0; i < ports->count; i++)
		prepare(ports, &ports->list[i], &config->listeners[i], in);
	ports_disown(ports, in);
	for (size_t i = 0; opened && i < ports->count; i++)
		opened = open_port(ports, &ports->list[i], config->backlog, in);
	return opened;
}

static bool
start_udp(struct port *port, int wake_fd, const struct inherited *in)
{
	struct kept_listener kept;
	bool known = inherited_of_listener(in, port->listener.key, &kept);

	if (!known && !port->listener.is_counted)
		known = true; /* of a new socket, all that it dropped */
	port->udp = udp_start(&port->listener, wake_fd, known ? &kept : NULL);
	return port->udp;
}

static bool
start_tcp(struct ports *ports, struct port *port, int wake_fd)
{
	if (!tally_start(&port->tally, &port->listener, wake_fd))
		return false;
	port->listener.tally = &port->tally;
	port->listener.crowd = crowd_start(&ports->connections);
	return port->listener.crowd;
}

bool
ports_start(struct ports *ports, int wake_fd, struct inherited *in)
{
	bool started = true;

	for (size_t i = 0; started && i < ports->count; i++)
		started = ports_is_tcp(&ports->list[i])
				? start_tcp(ports, &ports->list[i], wake_fd)
				: start_udp(&ports->list[i], wake_fd, in);
	started = started && ports_start_orphans(ports, wake_fd, in);
	if (started)
		ports_take_over(ports, in);
	else
		diag(LOG_ERR, "cannot start a thread: %s", strerror(errno));
	return started;
}

void
ports_tell(const struct ports *ports)
{
	for (size_t i = 0; i < ports->count; i++)
		listener_tell(&ports->list[i].listener);
}

void
ports_tell_counters(const struct ports *ports)
{
	for (size_t i = 0; i < ports->count; i++)
		listener_tell_counters(&ports->list[i].listener);
}

/* Whether it may take one more; if not, its peers wait in its queue. */
static bool
has_room(struct ports *ports, struct port *port)
{
	size_t most = (size_t)port->listener.config->limits.max_connections;

	return connections_count(&ports->connections) <
		       ports->max_connections &&
	       atomic_load(&port->listener.counters.connections) < most;
}

static bool
is_alive(const struct port *port)
{
	return port->udp ? udp_is_alive(port->udp)
			 : crowd_is_alive(port->listener.crowd,
					  port->listener.pool.outputs);
}

bool
ports_are_alive(struct ports *ports)
{
	bool alive = true;

	for (size_t i = 0; i < ports->count; i++)
		if (!is_alive(&ports->list[i]))
			alive = false;
	return alive;
}

void
ports_summarize(struct ports *ports, char *out, size_t size)
{
	unsigned long long connections = 0, records = 0, lost = 0;

	for (size_t i = 0; i < ports->count; i++) {
		struct listener_counters *c = &ports->list[i].listener.counters;

		connections += atomic_load(&c->connections);
		records += atomic_load(&c->records);
		lost += atomic_load(&c->lost);
	}
	snprintf(out, size,
		 "%llu connections, %llu records, %llu datagrams lost",
		 connections, records, lost);
}

bool
ports_accept_all(struct ports *ports, struct port *port)
{
	for (int i = 0; i < ACCEPTS; i++) {
		port->is_full = !has_room(ports, port);
		if (port->is_full)
			return false;
		switch (tcp_accept(&port->acceptor)) {
		case ACCEPTED:
			break;
		case ACCEPTED_NONE:
			return true;
		case ACCEPTED_SHORT:
			port->rest_until_ms = clock_now_ms() + REST_MS;
			return false;
		}
	}
	return false;
}

/* Full is said before it is asked again, so that no one leaves unseen. */
static void
look_for_room(struct ports *ports)
{
	bool any_full = false;

	for (size_t i = 0; i < ports->count; i++)
		any_full |= ports->list[i].is_full;
	connections_want(&ports->connections, any_full || ports->stopping);
	for (size_t i = 0; any_full && i < ports->count; i++)
		if (ports->list[i].is_full)
			ports->list[i].is_full =
				!has_room(ports, &ports->list[i]);
}

/* No event of the kernel's tells of one that was accepted already. */
static bool
is_due(const struct port *port, long long now_ms)
{
	return tcp_holds_one(&port->acceptor) && !port->is_full &&
	       !ports_is_resting(port, now_ms);
}

void
ports_poll(struct ports *ports, struct pollfd *polled, long long *until_ms)
{
	long long now_ms = clock_now_ms();

	look_for_room(ports);
	ports_orphans_are_done(ports);
	for (size_t i = 0; i < ports->count; i++) {
		struct port *port = &ports->list[i];
		bool resting = ports_is_resting(port, now_ms);

		polled[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
		if (is_due(port, now_ms))
			*until_ms = now_ms;
		if (resting && port->rest_until_ms < *until_ms)
			*until_ms = port->rest_until_ms;
		if (ports_is_tcp(port) && !resting && !port->is_full &&
		    !ports->is_parking)
			polled[i].fd = port->listener.socket.fd;
	}
}

void
ports_accept(struct ports *ports, const struct pollfd *polled)
{
	long long now_ms = clock_now_ms();

	for (size_t i = 0; i < ports->count; i++)
		if (polled[i].revents || is_due(&ports->list[i], now_ms))
			ports_accept_all(ports, &ports->list[i]);
}

void
ports_close(struct ports *ports)
{
	for (size_t i = 0; i < ports->count; i++) {
		struct port *port = &ports->list[i];

		if (port->udp) {
			udp_join(port->udp);
		} else {
			tally_join(&port->tally);
			crowd_stop(port->listener.crowd);
		}
		tcp_close(&port->acceptor);
		listener_close(&port->listener);
	}
	free(ports->list);
	ports_close_orphans(ports);
	connections_destroy(&ports->connections);
	ledger_close(&ports->ledger);
}
