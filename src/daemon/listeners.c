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
prepare(struct listeners *ports, struct port *port,
	const struct listener_config *config, struct listen_fds *in)
{
	port->acceptor = (struct acceptor){
		.listener = &port->listener,
		.registry = &ports->registry,
		.connection_number = &ports->connection_number,
	};
	port->listener.ledger = &ports->ledger;
	listener_find(&port->listener, config, in);
}

static bool
open_port(struct listeners *ports, struct port *port, long backlog,
	  struct listen_fds *in)
{
	const struct listener_config *config = port->listener.config;
	size_t max_record = (size_t)config->limits.max_record;
	size_t input = listener_is_tcp(port) ? framer_capacity(max_record)
					     : udp_input_size(config);
	struct saved_listener kept;

	if (!listener_open(&port->listener, backlog, ports->retired,
			   ports->outputs, input))
		return false;
	/* Before a thread counts on. */
	if (listen_fds_listener_state(in, port->listener.key, &kept))
		listener_restore(&port->listener, &kept);
	return true;
}

bool
listeners_open(struct listeners *ports, const struct config *config,
	       size_t max_connections, struct output_set *outputs, int wake_fd,
	       int handover_fd, struct listen_fds *in)
{
	uint64_t last, number;
	bool opened = true;

	registry_init(&ports->registry, wake_fd, handover_fd);
	ledger_open(&ports->ledger, in);
	/* No number twice: what the ledger has of an older one would be its. */
	last = ledger_last_number(&ports->ledger);
	number = listen_fds_last_number(in);
	atomic_store(&ports->connection_number, number > last ? number : last);
	ports->outputs = outputs;
	ports->max_connections = max_connections;
	ports->count = config->listener_count;
	ports->list = memory_zeroed(ports->count, sizeof *ports->list);
	for (size_t i = 0; i < ports->count; i++)
		prepare(ports, &ports->list[i], &config->listeners[i], in);
	retired_close_listeners(ports, in);
	for (size_t i = 0; opened && i < ports->count; i++)
		opened = open_port(ports, &ports->list[i], config->backlog, in);
	return opened;
}

static bool
start_udp(struct port *port, int wake_fd, const struct listen_fds *in)
{
	struct saved_listener kept;
	bool known = listen_fds_listener_state(in, port->listener.key, &kept);

	if (!known && !port->listener.is_counted)
		known = true; /* of a new socket, all that it dropped */
	port->udp = udp_start(&port->listener, wake_fd, known ? &kept : NULL);
	return port->udp;
}

static bool
start_tcp(struct listeners *ports, struct port *port, int wake_fd)
{
	if (!note_summary_start(&port->summary, &port->listener, wake_fd))
		return false;
	port->listener.summary = &port->summary;
	port->listener.poller = poller_start(&ports->registry);
	return port->listener.poller;
}

bool
listeners_start(struct listeners *ports, int wake_fd, struct listen_fds *in)
{
	bool started = true;

	for (size_t i = 0; started && i < ports->count; i++)
		started = listener_is_tcp(&ports->list[i])
				? start_tcp(ports, &ports->list[i], wake_fd)
				: start_udp(&ports->list[i], wake_fd, in);
	started = started && retired_start(ports, wake_fd, in);
	if (started)
		restart_take_over(ports, in);
	else
		diag(LOG_ERR, "cannot start a thread: %s", strerror(errno));
	return started;
}

void
listeners_log(const struct listeners *ports)
{
	for (size_t i = 0; i < ports->count; i++)
		listener_log(&ports->list[i].listener);
}

void
listeners_log_counters(const struct listeners *ports)
{
	for (size_t i = 0; i < ports->count; i++)
		listener_log_counters(&ports->list[i].listener);
}

/* Whether it may take one more; if not, its peers wait in its queue. */
static bool
has_room(struct listeners *ports, struct port *port)
{
	size_t most = (size_t)port->listener.config->limits.max_connections;

	return registry_count(&ports->registry) < ports->max_connections &&
	       atomic_load(&port->listener.counters.connections) < most;
}

static bool
is_alive(const struct port *port)
{
	return port->udp ? udp_is_alive(port->udp)
			 : poller_is_alive(port->listener.poller,
					   port->listener.pool.outputs);
}

bool
listeners_are_alive(struct listeners *ports)
{
	bool alive = true;

	for (size_t i = 0; i < ports->count; i++)
		if (!is_alive(&ports->list[i]))
			alive = false;
	return alive;
}

void
listeners_summarize(struct listeners *ports, char *out, size_t size)
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
listeners_accept_all(struct listeners *ports, struct port *port)
{
	for (int i = 0; i < ACCEPTS; i++) {
		port->at_limit = !has_room(ports, port);
		if (port->at_limit)
			return false;
		switch (tcp_accept(&port->acceptor)) {
		case ACCEPT_OK:
			break;
		case ACCEPT_NONE:
			return true;
		case ACCEPT_RETRY:
			port->retry_at_ms = clock_now_ms() + REST_MS;
			return false;
		}
	}
	return false;
}

/* Full is said before it is asked again, so that no one leaves unseen. */
static void
look_for_room(struct listeners *ports)
{
	bool any_full = false;

	for (size_t i = 0; i < ports->count; i++)
		any_full |= ports->list[i].at_limit;
	registry_want_wakeup(&ports->registry, any_full || ports->stopping);
	for (size_t i = 0; any_full && i < ports->count; i++)
		if (ports->list[i].at_limit)
			ports->list[i].at_limit =
				!has_room(ports, &ports->list[i]);
}

/* No event of the kernel's tells of one that was accepted already. */
static bool
is_due(const struct port *port, long long now_ms)
{
	return tcp_holds_one(&port->acceptor) && !port->at_limit &&
	       !listener_is_backing_off(port, now_ms);
}

void
listeners_poll(struct listeners *ports, struct pollfd *polled,
	       long long *until_ms)
{
	long long now_ms = clock_now_ms();

	look_for_room(ports);
	retired_are_done(ports);
	for (size_t i = 0; i < ports->count; i++) {
		struct port *port = &ports->list[i];
		bool resting = listener_is_backing_off(port, now_ms);

		polled[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
		if (is_due(port, now_ms))
			*until_ms = now_ms;
		if (resting && port->retry_at_ms < *until_ms)
			*until_ms = port->retry_at_ms;
		if (listener_is_tcp(port) && !resting && !port->at_limit &&
		    !ports->is_parking)
			polled[i].fd = port->listener.socket.fd;
	}
}

void
listeners_accept(struct listeners *ports, const struct pollfd *polled)
{
	long long now_ms = clock_now_ms();

	for (size_t i = 0; i < ports->count; i++)
		if (polled[i].revents || is_due(&ports->list[i], now_ms))
			listeners_accept_all(ports, &ports->list[i]);
}

void
listeners_close(struct listeners *ports)
{
	for (size_t i = 0; i < ports->count; i++) {
		struct port *port = &ports->list[i];

		if (port->udp) {
			udp_join(port->udp);
		} else {
			note_summary_join(&port->summary);
			poller_stop(port->listener.poller);
		}
		tcp_close(&port->acceptor);
		listener_close(&port->listener);
	}
	free(ports->list);
	retired_close(ports);
	registry_destroy(&ports->registry);
	ledger_close(&ports->ledger);
}
