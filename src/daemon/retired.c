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
static struct orphan *
make(struct ports *ports, const char *key, enum protocol protocol)
{
	const struct listener_config *any = ports->list[0].listener.config;
	struct orphan *o = memory_zeroed(1, sizeof *o);
	struct listener *listener = &o->listener;
	size_t max_record = (size_t)any->limits.max_record;

	o->next = ports->orphans;
	ports->orphans = o;
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
ports_find_orphan(struct ports *ports, const char *key)
{
	struct orphan *o = ports->orphans;

	while (o && strcmp(o->listener.key, key) != 0)
		o = o->next;
	return o ? &o->listener : &make(ports, key, PROTOCOL_TCP)->listener;
}

/*
 * Whoever waits in the queue of a listener has sent something, perhaps, and
 * has it acknowledged: they are kept as if they had been accepted before.
 */
static void
accept_waiting(struct ports *ports, struct inherited *in, int fd,
	       const char *key)
{
	unsigned waiting;

	sockets_close_door(fd);
	sockets_settle();
	while ((waiting = sockets_waiting(fd)) > 0) {
		int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		char name[SERVICE_NAME];

		if (peer < 0) {
			diag(LOG_ERR,
			     "abandoned: %s: %u connections waiting: %s", key,
			     waiting, strerror(errno));
			break;
		}
		inherited_connection_name(
			name,
			atomic_fetch_add(&ports->connection_number, 1) + 1,
			key);
		service_keep(peer, name);
		inherited_add(in, peer, name);
	}
}

/* It ends now, not when systemd has let go of it. */
static void
disown_tcp(struct ports *ports, struct inherited *in, int fd, const char *key,
	   const char *name)
{
	accept_waiting(ports, in, fd, key);
	shutdown(fd, SHUT_RD);
	close(fd);
	service_drop(name);
}

/* Its thread comes with the others', and is to leave the port. */
static void
disown_udp(struct ports *ports, int fd, const char *key, const char *name)
{
	struct listener *listener = &make(ports, key, PROTOCOL_UDP)->listener;

	sockets_share_port(fd);
	listener->socket.fd = fd;
	listener->was_passed = true;
	listener->is_counted = sockets_is_counted(fd);
	snprintf(listener->kept, sizeof listener->kept, "%s", name);
}

void
ports_disown(struct ports *ports, struct inherited *in)
{
	char key[SERVICE_NAME], name[SERVICE_NAME];
	bool any = false;
	int fd;

	while ((fd = inherited_unwanted(in, key)) >= 0) {
		inherited_listener_name(name, key);
		diag(LOG_WARNING, "passed and not wanted, closed: %s", name);
		if (sockets_is_of(fd, PROTOCOL_UDP))
			disown_udp(ports, fd, key, name);
		else
			disown_tcp(ports, in, fd, key, name);
		any = true;
	}
	/* What is kept of a port is in the way of who wants to bind it. */
	if (any)
		service_flush();
}

bool
ports_start_orphans(struct ports *ports, int wake_fd,
		    const struct inherited *in)
{
	for (struct orphan *o = ports->orphans; o; o = o->next) {
		struct kept_listener kept;
		bool known = inherited_of_listener(in, o->listener.key, &kept);

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
ports_orphans_are_done(struct ports *ports)
{
	bool done = true;

	for (struct orphan *o = ports->orphans; o; o = o->next) {
		if (!o->udp)
			continue;
		if (!udp_is_done(o->udp)) {
			done = false;
			continue;
		}
		udp_join(o->udp);
		o->udp = NULL;
		/* Not before: until then another process could go on. */
		listener_forsake(&o->listener);
		listener_close_socket(&o->listener, true);
	}
	return done;
}

void
ports_close_orphans(struct ports *ports)
{
	while (ports->orphans) {
		struct orphan *o = ports->orphans;

		ports->orphans = o->next;
		listener_close(&o->listener);
		free(o);
	}
}
