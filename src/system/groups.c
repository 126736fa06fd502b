/* SPDX-License-Identifier: MIT */
#include "system/groups.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

/*
 * 0: the kernel is to choose.  The socket is asked, for it may be of another
 * network namespace than this process.
 */
static bool
find_interface(int fd, const char *interface, unsigned *index)
{
	struct ifreq request = { 0 };

	*index = 0;
	if (!interface)
		return true;
	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
	if (ioctl(fd, SIOCGIFINDEX, &request) != 0)
		return false;
	*index = (unsigned)request.ifr_ifindex;
	return true;
}

/* option: MCAST_JOIN_GROUP or MCAST_LEAVE_GROUP. */
static bool
set(int fd, int option, const struct address *group, unsigned interface)
{
	bool is_ipv4 = group->any.sa_family == AF_INET;
	struct group_req request = { .gr_interface = interface };

	memcpy(&request.gr_group, &group->in6,
	       is_ipv4 ? sizeof group->in : sizeof group->in6);
	return setsockopt(fd, is_ipv4 ? IPPROTO_IP : IPPROTO_IPV6, option,
			  &request, sizeof request) == 0;
}

const char *
groups_join(int fd, const struct listener_config *config, size_t *joined)
{
	const char *failed = NULL;
	unsigned interface;
	int error = 0;

	*joined = 0;
	if (config->groups.count == 0)
		return NULL;
	if (!find_interface(fd, config->interface, &interface))
		return config->groups.list[0];
	for (size_t i = 0; i < config->groups.count; i++) {
		struct address group;

		address_parse(&group, config->groups.list[i], 0);
		if (set(fd, MCAST_JOIN_GROUP, &group, interface)) {
			(*joined)++;
		} else if (errno != EADDRINUSE &&
			   (!failed || error == ENODEV)) {
			failed = config->groups.list[i];
			error = errno;
		}
	}
	errno = error;
	return failed;
}

bool
groups_set_up(int fd, const struct listener_config *config)
{
	int off = 0, has_groups = config->groups.count > 0;
	size_t joined;

	setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof off);
	setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, &off, sizeof off);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &has_groups,
		   sizeof has_groups);
	/* A route may come later: see rebind.h. */
	return !groups_join(fd, config, &joined) || errno == ENODEV;
}

void
groups_save(struct groups *saved, const struct listener_config *config)
{
	*saved = (struct groups){ 0 };
	for (size_t i = 0; i < config->groups.count; i++) {
		struct address group;

		address_parse(&group, config->groups.list[i], 0);
		if (group.any.sa_family == AF_INET)
			memcpy(saved->list[i], &group.in.sin_addr, 4);
		else
			memcpy(saved->list[i], &group.in6.sin6_addr, 16);
	}
}

/* The first byte of an IPv6 group is 255, which no IPv4 group has. */
static struct address
saved_group(const uint8_t bytes[16])
{
	struct address group = { 0 };

	if (bytes[0] == 255) {
		group.in6.sin6_family = AF_INET6;
		memcpy(&group.in6.sin6_addr, bytes, 16);
	} else {
		group.in.sin_family = AF_INET;
		memcpy(&group.in.sin_addr, bytes, 4);
	}
	return group;
}

static bool
has(const struct groups *groups, const uint8_t bytes[16])
{
	for (size_t i = 0; i < CONFIG_GROUPS; i++)
		if (memcmp(groups->list[i], bytes, 16) == 0)
			return true;
	return false;
}

static void
leave(int fd, const char *interface, const struct groups *saved,
      const struct groups *kept)
{
	unsigned index;

	if (!find_interface(fd, interface, &index))
		return; /* and the memberships have gone with it */
	for (size_t i = 0; i < CONFIG_GROUPS && saved->list[i][0]; i++) {
		struct address group = saved_group(saved->list[i]);

		if (!has(kept, saved->list[i]))
			set(fd, MCAST_LEAVE_GROUP, &group, index);
	}
}

void
groups_leave_others(int fd, const struct listener_config *config,
		    const struct groups *saved)
{
	struct groups kept;

	groups_save(&kept, config);
	leave(fd, config->interface, saved, &kept);
}

void
groups_leave(int fd, const struct listener_config *config)
{
	const struct groups none = { 0 };
	struct groups all;

	groups_save(&all, config);
	leave(fd, config->interface, &all, &none);
}
