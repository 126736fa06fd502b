/* SPDX-License-Identifier: MIT */
/* Which sockets are there already, and whether they are what is asked for. */
#include <net/if.h>
#include <string.h>

#include "sockets.h"

static int
get(int fd, int option)
{
	int value = -1;
	socklen_t size = sizeof value;

	getsockopt(fd, SOL_SOCKET, option, &value, &size);
	return value;
}

bool
sockets_is_of(int fd, enum protocol protocol)
{
	return protocol == PROTOCOL_TCP ? get(fd, SO_TYPE) == SOCK_STREAM &&
						  get(fd, SO_ACCEPTCONN) == 1
					: get(fd, SO_TYPE) == SOCK_DGRAM;
}

/* "*" is the address of IPv6 that is also IPv4's, or IPv4's where it is not. */
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
		    /* Both families have their port at the same place. */
		    wanted.in.sin_port == bound->in.sin_port &&
		    address_same_host(&wanted, bound))
			return true;
	return false;
}

bool
sockets_match(int fd, const struct listener_config *config)
{
	char interface[IF_NAMESIZE] = "";
	struct address bound = { .size = sizeof bound.in6 };
	socklen_t size = sizeof interface;

	getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, &size);
	return config->port != 0 &&
	       sockets_is_of(fd, (enum protocol)config->protocol) &&
	       getsockname(fd, &bound.any, &bound.size) == 0 &&
	       is_address(config, &bound) &&
	       strcmp(interface, config->interface ? config->interface : "") ==
		       0;
}

bool
sockets_is_counted(int fd)
{
	return get(fd, SO_RXQ_OVFL) == 1;
}
