/* SPDX-License-Identifier: MIT */
#include "system/socket_match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "system/sockets.h"

/* The kernel's codes for states in /proc/net (proc(5)). */
#define TCP_LISTENS "0A"
#define UDP_UNCONNECTED "07"

static int
get(int fd, int option)
{
	int value = -1;
	socklen_t size = sizeof value;

	getsockopt(fd, SOL_SOCKET, option, &value, &size);
	return value;
}

bool
sockets_is_listener(int fd, enum protocol protocol)
{
	return protocol == PROTOCOL_TCP ? get(fd, SO_TYPE) == SOCK_STREAM &&
						  get(fd, SO_ACCEPTCONN) == 1
					: get(fd, SO_TYPE) == SOCK_DGRAM;
}

/* "*" is bound to ::, or to 0.0.0.0 where there is no IPv6. */
static bool
is_address(const struct listener_config *config, const struct address *bound)
{
	static const char *const any[] = { "::", "0.0.0.0", NULL };
	const char *const one[] = { config->address, NULL };
	const char *const *hosts =
		strcmp(config->address, "*") == 0 ? any : one;
	struct address wanted;

	for (; *hosts; hosts++)
		if (address_parse(&wanted, *hosts, (uint16_t)config->port) &&
		    wanted.any.sa_family == bound->any.sa_family &&
		    /* sin_port has the same offset in both families. */
		    (config->port == 0 ||
		     wanted.in.sin_port == bound->in.sin_port) &&
		    address_same_host(&wanted, bound))
			return true;
	return false;
}

/* A connected UDP socket has left its port: see sockets_leave_port(). */
static bool
is_connected(int fd)
{
	struct address peer = { .size = sizeof peer.in6 };

	return getpeername(fd, &peer.any, &peer.size) == 0;
}

bool
sockets_match(int fd, const struct listener_config *config)
{
	char interface[IF_NAMESIZE];
	struct address bound = { .size = sizeof bound.in6 };

	sockets_get_interface(fd, interface);
	return sockets_is_listener(fd, config->protocol) && !is_connected(fd) &&
	       getsockname(fd, &bound.any, &bound.size) == 0 &&
	       is_address(config, &bound) &&
	       strcmp(interface, config->interface ? config->interface : "") ==
		       0;
}

bool
sockets_fits_families(int fd, const struct listener_config *config)
{
	struct address bound = { .size = sizeof bound.in6 };
	int v6_only = 0;
	socklen_t size = sizeof v6_only;

	getsockname(fd, &bound.any, &bound.size);
	getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, &size);
	return bound.any.sa_family != AF_INET6 ||
	       v6_only == (strcmp(config->address, "*") != 0);
}

/* The kernel prints each 32-bit word of an address in host byte order. */
static uint32_t
read_word(const char *digits)
{
	char word[9];

	snprintf(word, sizeof word, "%.8s", digits);
	return (uint32_t)strtoul(word, NULL, 16);
}

/* Read a line of /proc/net; false: no socket, or one in another state. */
static bool
read_line(const char *line, const char *wanted, struct address *out,
	  uid_t *owner)
{
	char host[33], port[5], state[3], uid[11];

	*out = (struct address){ 0 };
	if (sscanf(line, "%*s %32[0-9A-F]:%4s %*s %2s %*s %*s %*s %10s", host,
		   port, state, uid) != 4 ||
	    strcmp(state, wanted) != 0)
		return false;
	if (strlen(host) == 8) {
		out->any.sa_family = AF_INET;
		out->in.sin_addr.s_addr = read_word(host);
	} else {
		out->any.sa_family = AF_INET6;
		for (size_t i = 0; i < 4; i++)
			out->in6.sin6_addr.s6_addr32[i] =
				read_word(host + 8 * i);
	}
	out->in.sin_port = htons((uint16_t)strtoul(port, NULL, 16));
	*owner = (uid_t)strtoul(uid, NULL, 10);
	return true;
}

/* exactly: the address must match too, not only the port. */
static bool
lists_ours(const char *path, const struct listener_config *config, bool exactly)
{
	const char *wanted = config->protocol == PROTOCOL_TCP ? TCP_LISTENS
							      : UDP_UNCONNECTED;
	FILE *list = fopen(path, "re");
	char line[512];
	bool found = false;

	while (list && !found && fgets(line, sizeof line, list)) {
		struct address bound;
		uid_t owner;

		found = read_line(line, wanted, &bound, &owner) &&
			owner == getuid() &&
			(exactly ? is_address(config, &bound)
				 : ntohs(bound.in.sin_port) == config->port);
	}
	if (list)
		fclose(list);
	return found;
}

static bool
list_ours(const struct listener_config *config, bool exactly)
{
	return config->protocol == PROTOCOL_TCP
		     ? lists_ours("/proc/net/tcp", config, exactly) ||
			       lists_ours("/proc/net/tcp6", config, exactly)
		     : lists_ours("/proc/net/udp", config, exactly) ||
			       lists_ours("/proc/net/udp6", config, exactly);
}

bool
sockets_are_ours(const struct listener_config *config)
{
	return list_ours(config, true);
}

bool
sockets_have_port(const struct listener_config *config)
{
	return list_ours(config, false);
}
