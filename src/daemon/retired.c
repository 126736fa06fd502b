/* SPDX-License-Identifier: MIT */
/* Listeners that the process before us had, and that are configured no more. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/memory.h"
#include "daemon/listeners.h"
#include "daemon/listeners_internal.h"
#include "record/framer.h"
#include "system/notify.h"

/* Theirs goes to every output.  How datagrams were framed is not known. */
static struct retired_listener *
make(struct listeners *ports, const char *key, enum protocol protocol)
{
	const struct listener_config *any = ports->list[0].listener.config;
	struct retired_listener *o = memory_zeroed(1, sizeof *o);
	struct listener *listener = &o->listener;
	size_t max_record = (size_t)any->limits.max_record;

	o->next = ports->retired;
	ports->retired = o;
	o->config.limits = any->limits;
	o->config.protocol = protocol;
	o->config.framing =
		protocol == PROTOCOL_UDP ? FRAMING_EXACT : FRAMING_LINE;
	listener->config = &o->config;
	listener->socket.fd = -1;
	listener->ledger = &ports->ledger;
	snprintf(listener->key, sizeof listener->key, "%s", key);
	snprintf(listener->name, sizeof listener->name, "%.*s",
		 (int)strcspn(key, " "), key);
	pool_init(&listener->pool, ports->outputs, UINT64_MAX,
		  &listener->counters,
		  protocol == PROTOCOL_UDP ? udp_input_size(&o->config)
					   : framer_capacity(max_record),
		  max_record);
	return o;
}

struct listener *
retired_find(struct listeners *ports, const char *key)
{
	struct retired_listener *o = ports->retired;

	while (o && strcmp(o->listener.key, key) != 0)
		o = o->next;
	return o ? &o->listener : &make(ports, key, PROTOCOL_TCP)->listener;
}

/*
 * Whoever waits in the queue of a listener has sent something, perhaps, and
 * has it acknowledged: they are kept as if they had been accepted before.
 */
static void
accept_waiting(struct listeners *ports, struct listen_fds *in, int fd,
	       const char *key)
{
	unsigned waiting;

	sockets_block_input(fd);
	sockets_wait_for_inflight();
	while ((waiting = sockets_pending(fd)) > 0) {
		int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		char name[FDSTORE_NAME];

		if (peer < 0) {
			diag(LOG_ERR,
			     "abandoned: %s: %u connections waiting: %s", key,
			     waiting, strerror(errno));
			break;
		}
		listen_fds_connection_name(
			name,
			atomic_fetch_add(&ports->connection_number, 1) + 1,
			key);
		fdstore_add(peer, name);
		listen_fds_add(in, peer, name);
	}
}

/* It ends now, not when systemd has let go of it. */
static void
retire_tcp(struct listeners *ports, struct listen_fds *in, int fd,
	   const char *key, const char *name)
{
	accept_waiting(ports, in, fd, key);
	shutdown(fd, SHUT_RD);
	close(fd);
	fdstore_remove(name);
}

/* Its thread comes with the others', and is to leave the port. */
static void
retire_udp(struct listeners *ports, int fd, const char *key, const char *name)
{
	struct listener *listener = &make(ports, key, PROTOCOL_UDP)->listener;

	sockets_share_port(fd);
	listener->socket.fd = fd;
	listener->was_passed = true;
	listener->is_counted = sockets_is_counted(fd);
	snprintf(listener->kept, sizeof listener->kept, "%s", name);
}

void
retired_close_listeners(struct listeners *ports, struct listen_fds *in)
{
	char key[FDSTORE_NAME], name[FDSTORE_NAME];
	bool any = false;
	int fd;

	while ((fd = listen_fds_take_unwanted(in, key)) >= 0) {
		listen_fds_listener_name(name, key);
		diag(LOG_WARNING, "passed and not wanted, closed: %s", name);
		if (sockets_is_listener(fd, PROTOCOL_UDP))
			retire_udp(ports, fd, key, name);
		else
			retire_tcp(ports, in, fd, key, name);
		any = true;
	}
	/* What is kept of a port is in the way of who wants to bind it. */
	if (any)
		fdstore_barrier();
}

bool
retired_start(struct listeners *ports, int wake_fd, const struct listen_fds *in)
{
	for (struct retired_listener *o = ports->retired; o; o = o->next) {
		struct saved_listener kept;
		bool known =
			listen_fds_listener_state(in, o->listener.key, &kept);

		if (o->listener.socket.fd < 0)
			continue;
		o->udp = udp_start(&o->listener, wake_fd, known ? &kept : NULL);
		if (!o->udp)
			return false;
		udp_stop(o->udp);
	}
	return true;
}

bool
retired_are_done(struct listeners *ports)
{
	bool done = true;

	for (struct retired_listener *o = ports->retired; o; o = o->next) {
		if (!o->udp)
			continue;
		if (!udp_is_done(o->udp)) {
			done = false;
			continue;
		}
		udp_join(o->udp);
		o->udp = NULL;
		/* Not before: until then another process could go on. */
		listener_stop_listening(&o->listener);
		listener_close_socket(&o->listener, true);
	}
	return done;
}

void
retired_close(struct listeners *ports)
{
	while (ports->retired) {
		struct retired_listener *o = ports->retired;

		ports->retired = o->next;
		listener_close(&o->listener);
		free(o);
	}
}
