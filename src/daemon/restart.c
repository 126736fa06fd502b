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
restart_fd_count(struct listeners *ports)
{
	/* And one for each that waits for a thread, and for what we know. */
	return registry_count(&ports->registry) + 2 * ports->count + 1;
}

void
restart_begin(struct listeners *ports)
{
	ports->stopping = true;
	ports->is_parking = true;
	registry_want_wakeup(&ports->registry, true);
	for (size_t i = 0; i < ports->count; i++)
		if (ports->list[i].udp)
			udp_hand_over_begin(ports->list[i].udp);
	registry_hand_over(&ports->registry);
}

static bool
is_quiet(struct listeners *ports)
{
	for (size_t i = 0; i < ports->count; i++)
		if (ports->list[i].udp && !udp_is_done(ports->list[i].udp))
			return false;
	return retired_are_done(ports) &&
	       registry_is_handed_over(&ports->registry);
}

bool
restart_is_ready(struct listeners *ports)
{
	return is_quiet(ports) && listeners_finish_summaries(ports);
}

/* One that was accepted and has no thread: nothing is known of it yet. */
static void
keep_next(struct port *port)
{
	struct connection *c = port->acceptor.next;
	char name[FDSTORE_NAME];

	if (!tcp_holds_one(&port->acceptor))
		return;
	listen_fds_connection_name(name, c->origin.connection,
				   port->listener.key);
	fdstore_add(c->entry.fd, name);
}

static void
collect(struct listeners *ports, struct buffer *buffer)
{
	struct entry *entry;

	saved_state_begin(buffer, atomic_load(&ports->connection_number));
	for (size_t i = 0; i < ports->count; i++) {
		struct port *port = &ports->list[i];
		struct saved_listener kept;

		listener_save(&port->listener, &kept);
		if (port->udp)
			udp_save(port->udp, &kept);
		else
			keep_next(port);
		saved_state_add_listener(buffer, &kept);
	}
	while ((entry = registry_take(&ports->registry)))
		connection_hand_over((struct connection *)entry, buffer);
}

void
restart_hand_over(struct listeners *ports)
{
	struct buffer state = { 0 };
	int fd;

	collect(ports, &state);
	fd = memfd_create("portlogd", MFD_CLOEXEC);
	if (fd >= 0 && write(fd, state.data, state.size) == (ssize_t)state.size)
		fdstore_add(fd, LISTEN_FDS_STATE);
	else
		diag(LOG_ERR, "cannot keep unfinished records: %s",
		     strerror(errno));
	fdstore_barrier();
	if (fd >= 0)
		close(fd);
	buffer_free(&state);
}

/* The listener of that key; NULL: it is not configured any more. */
static struct listener *
find_listener(struct listeners *ports, const char *key)
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
find_peer(int fd, const struct saved_connection *kept, struct address *peer)
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
take_over(struct listeners *ports, int fd, uint64_t number, const char *name,
	  const struct saved_connection *kept, const unsigned char *held)
{
	struct listener *listener = find_listener(ports, name);
	bool is_retired = !listener;
	struct connection *c;

	if (is_retired)
		listener = retired_find(ports, name);
	while (!(c = connection_new(listener, &ports->registry)))
		sleep(1);
	find_peer(fd, kept, &c->entry.peer);
	c->entry.fd = fd;
	connection_accepted(c, number);
	connection_take_over(c, kept, held);
	registry_add(&ports->registry, &c->entry);
	if (is_retired)
		registry_block_input(&ports->registry, &c->entry);
	start(c);
}

void
restart_take_over(struct listeners *ports, struct listen_fds *in)
{
	uint64_t number;
	char name[FDSTORE_NAME];
	int fd;

	while ((fd = listen_fds_take_connection(in, &number, name)) >= 0) {
		struct saved_connection kept;
		const unsigned char *held;

		listen_fds_connection_state(in, number, &kept, &held);
		take_over(ports, fd, number, name, &kept, held);
	}
	registry_shut_down_blocked(&ports->registry);
}
