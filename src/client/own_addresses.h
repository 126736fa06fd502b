/* SPDX-License-Identifier: MIT */
/*
 * own_addresses: the addresses of this host.  Any thread; blocks on the kernel
 * alone.
 */
#ifndef PORTLOG_CLIENT_OWN_ADDRESSES_H
#define PORTLOG_CLIENT_OWN_ADDRESSES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"

/* { 0 } is an empty list. */
struct own_addresses {
	struct address *list;
	size_t count;
};

/*
 * First those of the loopback, then others of interfaces that are up, but for
 * those that need a zone.
 */
void own_addresses_find(struct own_addresses *);

/* Whether it is of the loopback: no other host reaches it. */
bool own_addresses_is_loopback(const struct address *);

void own_addresses_free(struct own_addresses *);

#endif
