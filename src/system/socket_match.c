/* SPDX-License-Identifier: MIT */
#include "system/socket_match.h"

#include <string.h>
#include <unistd.h>

#include "base/proc_net.h"
#include "system/sockets.h"
#include "system/sockets_input.h"
#include "system/unix_sockets.h"

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
	if (unix_is_socket(fd) != protocol_is_unix(protocol))
		return false;
	return protocol_is_stream(protocol)
		     ? get(fd, SO_TYPE) == SOCK_STREAM &&
			       get(fd, SO_ACCEPTCONN) == 1
		     : get(fd, SO_TYPE) == SOCK_DGRAM;
}

enum protocol
sockets_protocol(int fd)
{
	enum protocol protocol = PROTOCOL_TCP;

	while (protocol < PROTOCOL_NONE && !sockets_is_listener(fd, protocol))
		protocol++;
	return protocol;
}

/* A path that is gone, or was left before a kill, leads to it no more. */
static bool
is_at_path(int fd, const char *path)
{
	return unix_has_path(fd, path) && unix_inode(path) != 0 &&
	       !sockets_input_has_ended(fd);
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
sockets_is_connection(int fd)
{
	return get(fd, SO_TYPE) == SOCK_STREAM && is_connected(fd);
}

bool
sockets_match(int fd, const struct listener_config *config)
{
	char interface[IF_NAMESIZE];
	struct address bound = { .size = sizeof bound.in6 };

	if (config->path)
		return sockets_is_listener(fd, config->protocol) &&
		       is_at_path(fd, config->path);
	return sockets_get_interface(fd, interface) &&
	       sockets_is_listener(fd, config->protocol) && !is_connected(fd) &&
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

bool
sockets_are_ours(const struct listener_config *config)
{
	struct net_sockets sockets;
	bool found = false;

	proc_net_read(&sockets);
	for (size_t i = 0; i < sockets.count && !found; i++) {
		const struct net_socket *s = &sockets.list[i];

		found = s->protocol == config->protocol &&
			s->owner == getuid() && is_address(config, &s->address);
	}
	proc_net_free(&sockets);
	return found;
}
