/* SPDX-License-Identifier: MIT */
#include "system/port_holder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/socket_holder.h"

/* With 400 sockets that come and go, one look in 400 misses a socket. */
#define LOOKS 3

static bool
is_in_the_way(const struct net_socket *s, const struct listener_config *config)
{
	struct address wanted;

	if (s->protocol != config->protocol ||
	    ntohs(s->address.in.sin_port) != config->port)
		return false;
	if (strcmp(config->address, "*") == 0)
		return true;
	return address_parse(&wanted, config->address, 0) &&
	       net_socket_overlaps(s, &wanted);
}

static void
find_holder(const struct net_socket *socket, struct port_holder *holder)
{
	char ours[sizeof holder->program];
	pid_t parent = getppid();

	*holder = (struct port_holder){ .pid = parent };
	/* It may be the daemon whose restart is checked. */
	if (!socket_holder_has(parent, socket->inode))
		holder->pid = socket_holder_find(socket->inode, NULL);
	if (holder->pid == 0) {
		holder->is_ours = socket->owner == getuid();
		return;
	}
	socket_holder_program(holder->pid, holder->program);
	socket_holder_program(getpid(), ours);
	holder->is_ours = strcmp(holder->program, ours) == 0;
}

bool
port_holder_find(const struct net_sockets *sockets,
		 const struct listener_config *config,
		 struct port_holder *holder)
{
	bool found = false;

	for (size_t i = 0; i < sockets->count; i++) {
		if (!is_in_the_way(&sockets->list[i], config))
			continue;
		find_holder(&sockets->list[i], holder);
		if (!holder->is_ours)
			return true;
		found = true;
	}
	return found;
}

bool
port_holder_must_find(struct net_sockets *sockets,
		      const struct listener_config *config,
		      struct port_holder *holder)
{
	for (int look = 1; !port_holder_find(sockets, config, holder); look++) {
		if (look == LOOKS)
			return false;
		proc_net_free(sockets);
		proc_net_read(sockets);
	}
	return true;
}

void
port_holder_explain(const struct listener_config *config, int error,
		    char out[PORT_HOLDER_TEXT])
{
	struct port_holder holder = { 0 };
	struct net_sockets sockets = { 0 };

	if (error == EADDRINUSE)
		port_holder_must_find(&sockets, config, &holder);
	if (error == EACCES)
		proc_net_read(&sockets);
	/* Without the right to the port, bind(2) does not look further. */
	if (error == EACCES && port_holder_find(&sockets, config, &holder))
		error = EADDRINUSE;
	proc_net_free(&sockets);
	if (holder.pid > 0)
		snprintf(out, PORT_HOLDER_TEXT, "%s by %s, process %d",
			 strerror(error), holder.program, (int)holder.pid);
	else if (error == EADDRINUSE)
		snprintf(out, PORT_HOLDER_TEXT,
			 "%s: as root, ss -l%cnp 'sport = :%u' shows by whom",
			 strerror(error),
			 config->protocol == PROTOCOL_TCP ? 't' : 'u',
			 config->port);
	else if (error == EACCES)
		snprintf(out, PORT_HOLDER_TEXT,
			 "%s: ports below 1024 need root or "
			 "CAP_NET_BIND_SERVICE; the unit binds them with "
			 "--keep-low-ports",
			 strerror(error));
	else if (error == ENOBUFS && config->groups.count > 0)
		snprintf(out, PORT_HOLDER_TEXT,
			 "%s: net.ipv4.igmp_max_memberships, by default 20, "
			 "limits the IPv4 groups of a socket",
			 strerror(error));
	else
		snprintf(out, PORT_HOLDER_TEXT, "%s", strerror(error));
}
