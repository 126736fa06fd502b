/* SPDX-License-Identifier: MIT */
#include "base/proc_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* The kernel's codes for states in /proc/net (proc(5)). */
#define TCP_LISTENS "0A"
#define UDP_UNCONNECTED "07"

/* The kernel prints each 32-bit word of an address in host byte order. */
static uint32_t
read_word(const char *digits)
{
	char word[9];

	snprintf(word, sizeof word, "%.8s", digits);
	return (uint32_t)strtoul(word, NULL, 16);
}

/* false: no socket, or one in another state. */
static bool
read_line(const char *line, const char *wanted, struct net_socket *out)
{
	struct address *address = &out->address;
	char host[33], port[5], state[3], queue[9], uid[11], inode[21];
	char last[21] = "";

	if (sscanf(line,
		   "%*s %32[0-9A-F]:%4s %*s %2s %*8[0-9A-F]:%8s %*s %*s %10s "
		   "%*s %20s %*s %*s %20s",
		   host, port, state, queue, uid, inode, last) < 6 ||
	    strcmp(state, wanted) != 0)
		return false;
	if (strlen(host) == 8) {
		address->any.sa_family = AF_INET;
		address->in.sin_addr.s_addr = read_word(host);
	} else {
		address->any.sa_family = AF_INET6;
		for (size_t i = 0; i < 4; i++)
			address->in6.sin6_addr.s6_addr32[i] =
				read_word(host + 8 * i);
	}
	address->in.sin_port = htons((uint16_t)strtoul(port, NULL, 16));
	out->owner = (uid_t)strtoul(uid, NULL, 10);
	out->inode = strtoul(inode, NULL, 10);
	out->queue = strtoul(queue, NULL, 16);
	if (out->protocol == PROTOCOL_UDP)
		out->drops = strtoul(last, NULL, 10);
	return true;
}

static void
read_file(struct net_sockets *sockets, const char *path, enum protocol protocol)
{
	const char *wanted =
		protocol == PROTOCOL_TCP ? TCP_LISTENS : UDP_UNCONNECTED;
	FILE *file = fopen(path, "re");
	char line[512];

	while (file && fgets(line, sizeof line, file)) {
		struct net_socket socket = { .protocol = protocol };

		if (!read_line(line, wanted, &socket))
			continue;
		sockets->list = memory_grow(sockets->list, sockets->count + 1,
					    sizeof *sockets->list);
		sockets->list[sockets->count++] = socket;
	}
	if (file)
		fclose(file);
}

void
proc_net_read(struct net_sockets *sockets)
{
	*sockets = (struct net_sockets){ 0 };
	/* Not /proc/net: the unit's sandbox has processes alone in /proc. */
	read_file(sockets, "/proc/self/net/tcp", PROTOCOL_TCP);
	read_file(sockets, "/proc/self/net/tcp6", PROTOCOL_TCP);
	read_file(sockets, "/proc/self/net/udp", PROTOCOL_UDP);
	read_file(sockets, "/proc/self/net/udp6", PROTOCOL_UDP);
}

void
proc_net_free(struct net_sockets *sockets)
{
	free(sockets->list);
	*sockets = (struct net_sockets){ 0 };
}

bool
net_socket_overlaps(const struct net_socket *socket,
		    const struct address *address)
{
	const struct address *bound = &socket->address;
	struct address wanted = *address;

	/* The kernel does not list whether "::" is IPv4 too: it may be. */
	if (wanted.any.sa_family != bound->any.sa_family)
		return bound->any.sa_family == AF_INET6 &&
		       address_is_any(bound);
	if (wanted.any.sa_family == AF_INET6)
		wanted.in6.sin6_scope_id = 0; /* it is not listed */
	return address_is_any(bound) || address_is_any(&wanted) ||
	       address_same_host(bound, &wanted);
}
