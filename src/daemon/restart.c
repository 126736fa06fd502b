/* SPDX-License-Identifier: MIT */
/* A restart: what one process leaves, and the next one goes on with. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/thread.h"
#include "daemon/listeners.h"
#include "daemon/listeners_internal.h"
#include "input/connection.h"
#include "system/notify.h"

size_t
ports_descriptors(struct ports *ports)
{
	/* And one for each that waits for a thread, and for what we know. */
	return connections_count(&ports->connections) + 2 * ports->count + 1;
}

void
ports_park(struct ports *ports)
{
	ports->stopping = true;
	ports->is_parking = true;
	connections_want(&ports->connections, true);
	for (size_t i = 0; i < ports->count; i++)
		if (ports->list[i].udp)
			udp_park(ports->list[i].udp);
	connections_park(&ports->connections);
}

static bool
is_quiet(struct ports *ports)
{
	for (size_t i = 0; i < ports->count; i++)
		if (ports->list[i].udp && !udp_is_done(ports->list[i].udp))
			return false;
	return ports_orphans_are_done(ports) &&
	       connections_are_parked(&ports->connections);
}

bool
ports_are_parked(struct ports *ports)
{
	return is_quiet(ports) && ports_finish_tallies(ports);
}

/* One that was accepted and has no thread: nothing is known of it yet. */
static void
keep_next(struct port *port)
{
	struct connection *c = port->acceptor.next;
	char name[SERVICE_NAME];

	if (!tcp_holds_one(&port->acceptor))
		return;
	inherited_connection_name(name, c->origin.connection,
				  port->listener.key);
	service_keep(c->member.fd, name);
}

static void
collect(struct ports *ports, struct buffer *buffer)
{
	struct member *member;

	kept_begin(buffer, atomic_load(&ports->connection_number));
	for (size_t i = 0; i < ports->count; i++) {
		struct port *port = &ports->list[i];
		struct kept_listener kept;

		listener_hand_over(&port->listener, &kept);
		if (port->udp)
			udp_hand_over(port->udp, &kept);
		else
			keep_next(port);
		kept_add_listener(buffer, &kept);
	}
	while ((member = connections_take(&ports->connections)))
		connection_hand_over((struct connection *)member, buffer);
}

void
ports_hand_over(struct ports *ports)
{
	struct buffer state = { 0 };
	int fd;

	collect(ports, &state);
	fd = memfd_create("portlogd", MFD_CLOEXEC);
	if (fd >= 0 && write(fd, state.data, state.size) == (ssize_t)state.size)
		service_keep(fd, INHERITED_STATE);
	else
		diag(LOG_ERR, "cannot keep unfinished records: %s",
		     strerror(errno));
	service_flush();
	if (fd >= 0)
		close(fd);
	buffer_free(&state);
}

/* The listener of that key; NULL: it is not configured any more. */
static struct listener *
find_listener(struct ports *ports, const char *key)
{
	for (size_t i = 0; i < ports->count; i++)
		if (strcmp(ports->list[i].listener.key, key) == 0)
			return &ports->list[i].listener;
	return NULL;
}

/* Nothing else is to be done before it is heard. */
static void
start(struct connection *c)
{
	static struct diag_limit limit;
	const struct timespec pause = { .tv_sec = 1 };
	int error;

	while ((error = thread_start(NULL, connection_main, c)) != 0) {
		diag_limited(&limit, LOG_ERR,
			     "cannot go on with a connection: %s; trying "
			     "again every second",
			     strerror(error));
		nanosleep(&pause, NULL);
	}
}

/* Its peer, which may be gone by now; is remembered then, or nobody. */
static void
find_peer(int fd, const struct kept_connection *kept, struct address *peer)
{
	peer->size = sizeof peer->in6;
	if (getpeername(fd, &peer->any, &peer->size) == 0)
		return;
	memcpy(&peer->in6, kept->peer, sizeof kept->peer);
	peer->size = kept->peer_size;
	if (peer->size == 0)
		address_parse(peer, "::", 0);
}

static void
take_over(struct ports *ports, int fd, uint64_t number, const char *name,
	  const struct kept_connection *kept, const unsigned char *held)
{
	struct listener *listener = find_listener(ports, name);
	bool is_orphan = !listener;
	struct connection *c;

	if (is_orphan)
		listener = ports_find_orphan(ports, name);
	while (!(c = connection_new(listener, &ports->connections)))
		sleep(1);
	find_peer(fd, kept, &c->member.peer);
	c->member.fd = fd;
	connection_accepted(c, number);
	connection_take_over(c, kept, held);
	connections_enter(&ports->connections, &c->member);
	if (is_orphan)
		connections_close_door(&ports->connections, &c->member);
	start(c);
}

void
ports_take_over(struct ports *ports, struct inherited *in)
{
	uint64_t number;
	char name[SERVICE_NAME];
	int fd;

	while ((fd = inherited_connection(in, &number, name)) >= 0) {
		struct kept_connection kept;
		const unsigned char *held;

		inherited_of_connection(in, number, &kept, &held);
		take_over(ports, fd, number, name, &kept, held);
	}
	connections_end(&ports->connections);
}
