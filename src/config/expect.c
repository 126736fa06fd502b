/* SPDX-License-Identifier: MIT */
#include "config/expect.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/user_group.h"
#include "config/config.h"
#include "record/path_pattern.h"

/* Whether it is right up to its zone. */
static bool
lacks_interface(const char *value)
{
	char host[ADDRESS_TEXT];
	struct address address;

	snprintf(host, sizeof host, "%.*s", (int)strcspn(value, "%"), value);
	return strchr(value, '%') && address_parse(&address, host, 0) &&
	       address.any.sa_family == AF_INET6;
}

const char *
expect_address(const char *value)
{
	struct address address;

	if (strcmp(value, "*") == 0)
		return NULL;
	if (!address_parse(&address, value, 0))
		return lacks_interface(value)
			     ? "another zone: no interface can have that name"
			     : "\"*\" or a numeric IPv4 or IPv6 address";
	/* A socket for IPv6 alone cannot be bound to it. */
	return address_is_mapped(&address)
		     ? "an IPv4 address without \"::ffff:\" before it"
		     : NULL;
}

static bool
is_multicast(const struct address *a)
{
	return a->any.sa_family == AF_INET
		     ? IN_MULTICAST(ntohl(a->in.sin_addr.s_addr))
		     : IN6_IS_ADDR_MULTICAST(&a->in6.sin6_addr);
}

static bool
is_broadcast(const struct address *a)
{
	return a->any.sa_family == AF_INET &&
	       a->in.sin_addr.s_addr == INADDR_BROADCAST;
}

static bool
needs_zone(const struct address *a)
{
	return a->any.sa_family == AF_INET6 &&
	       IN6_IS_ADDR_LINKLOCAL(&a->in6.sin6_addr) &&
	       a->in6.sin6_scope_id == 0;
}

const char *
expect_usable_address(const char *value, enum protocol protocol,
		      bool has_interface)
{
	struct address address;

	if (strcmp(value, "*") == 0 || !address_parse(&address, value, 0))
		return NULL;
	if (is_multicast(&address) && protocol == PROTOCOL_UDP)
		return "a unicast address: a multicast group stands in "
		       "\"groups\" of portlogd.conf";
	if (protocol == PROTOCOL_TCP &&
	    (is_multicast(&address) || is_broadcast(&address)))
		return "a unicast address for tcp";
	if (needs_zone(&address) && !has_interface)
		return "it with its interface, such as \"fe80::1%eth0\"";
	return NULL;
}

const char *
expect_group(const char *value, const char *address, bool has_interface)
{
	struct address group, own;

	if (!address_parse(&group, value, 0) || !is_multicast(&group))
		return "a multicast address, such as \"239.1.2.3\" or "
		       "\"ff15::514\"";
	if (strchr(value, '%'))
		return "it without its zone: \"interface\" says where it is "
		       "joined";
	/* To the kernel's choice it could not be joined a second time. */
	if (group.any.sa_family == AF_INET6 && !has_interface)
		return "\"interface\" beside it: IPv6 has no route that says "
		       "where to join";
	if (!address_parse(&own, address, 0) ||
	    own.any.sa_family == group.any.sa_family)
		return NULL;
	return own.any.sa_family == AF_INET
		     ? "an IPv4 group, for the address is IPv4"
		     : "an IPv6 group, for the address is IPv6";
}

const char *
expect_unix_path(const char *value)
{
	struct stat status;

	if (*value == '@')
		return "an absolute path: an abstract address has no mode";
	if (*value != '/' || strlen(value) >= CONFIG_UNIX_PATH)
		return "an absolute path of at most 107 bytes";
	if (lstat(value, &status) == 0 && !S_ISSOCK(status.st_mode))
		return "a path where there is no other file";
	return NULL;
}

const char *
expect_user_group(const char *value)
{
	gid_t group;

	return user_group_find(value, &group)
		     ? NULL
		     : "the name or number of a group of this host";
}

const char *
expect_path(const char *value)
{
	if (!*value)
		return "the path of a file";
	return path_pattern_is(value) ? path_pattern_expect(value) : NULL;
}
