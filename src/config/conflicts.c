/* SPDX-License-Identifier: MIT */
#include "config/conflicts.h"

#include <string.h>

static uint32_t
scope_of(const struct address *address)
{
	return address->any.sa_family == AF_INET ? 0
						 : address->in6.sin6_scope_id;
}

/* Beside "fe80::1%eth0" it depends on interfaces: that is left to bind(). */
static bool
covers(const struct address *a, const struct address *b)
{
	return address_is_any(a) && scope_of(b) == 0;
}

static bool
overlap(const struct address *a, const struct address *b)
{
	return a->any.sa_family == b->any.sa_family &&
	       (address_same_host(a, b) || covers(a, b) || covers(b, a));
}

/* "*" is every address of both families. */
static bool
is_same_address(const char *a, const char *b)
{
	struct address x, y;

	if (strcmp(a, "*") == 0 || strcmp(b, "*") == 0)
		return true;
	return address_parse(&x, a, 0) && address_parse(&y, b, 0) &&
	       overlap(&x, &y);
}

bool
conflicts_listeners(const struct listener_config *a,
		    const struct listener_config *b)
{
	/* A listener without an interface listens on every one. */
	bool same_interface = !a->interface || !b->interface ||
			      strcmp(a->interface, b->interface) == 0;

	return a->port != 0 && a->port == b->port &&
	       a->protocol == b->protocol && same_interface &&
	       is_same_address(a->address, b->address);
}

/* Move *path to its next part, past "//" and "/./".  Returns its size. */
static size_t
next_part(const char **path)
{
	for (;;) {
		size_t size;

		*path += strspn(*path, "/");
		size = strcspn(*path, "/");
		if (size != 1 || **path != '.')
			return size;
		*path += size;
	}
}

static bool
is_same_path(const char *a, const char *b)
{
	if ((*a == '/') != (*b == '/'))
		return false;
	for (;;) {
		size_t size = next_part(&a);

		if (size != next_part(&b) || memcmp(a, b, size) != 0)
			return false;
		if (size == 0)
			return true;
		a += size;
		b += size;
	}
}

bool
conflicts_outputs(const struct output_config *a, const struct output_config *b)
{
	if (a->type == OUTPUT_STDOUT)
		return b->type == OUTPUT_STDOUT;
	return a->path && b->path && is_same_path(a->path, b->path);
}
