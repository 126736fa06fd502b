/* SPDX-License-Identifier: MIT */
#include "client/own_addresses.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

bool
own_addresses_is_loopback(const struct address *address)
{
	const struct in6_addr *in6 = &address->in6.sin6_addr;

	if (address->any.sa_family == AF_INET)
		return ntohl(address->in.sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(in6) ||
	       (IN6_IS_ADDR_V4MAPPED(in6) && in6->s6_addr[12] == 127);
}

static void
add(struct own_addresses *all, const struct sockaddr *found)
{
	struct address address = {
		.size = found->sa_family == AF_INET ? sizeof address.in
						    : sizeof address.in6,
	};

	memcpy(&address.any, found, address.size);
	if (found->sa_family == AF_INET6 &&
	    IN6_IS_ADDR_LINKLOCAL(&address.in6.sin6_addr))
		return;
	all->list = memory_append(all->list, all->count, sizeof *all->list);
	all->list[all->count++] = address;
}

static void
add_interfaces(struct own_addresses *all, const struct ifaddrs *first,
	       unsigned loopback)
{
	for (const struct ifaddrs *i = first; i; i = i->ifa_next)
		if (i->ifa_addr && i->ifa_flags & IFF_UP &&
		    (i->ifa_flags & IFF_LOOPBACK) == loopback &&
		    (i->ifa_addr->sa_family == AF_INET ||
		     i->ifa_addr->sa_family == AF_INET6))
			add(all, i->ifa_addr);
}

void
own_addresses_find(struct own_addresses *all)
{
	struct ifaddrs *first;

	if (getifaddrs(&first) != 0)
		return;
	add_interfaces(all, first, IFF_LOOPBACK);
	add_interfaces(all, first, 0);
	freeifaddrs(first);
}

void
own_addresses_free(struct own_addresses *all)
{
	free(all->list);
	*all = (struct own_addresses){ 0 };
}
