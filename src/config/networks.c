/* SPDX-License-Identifier: MIT */
#include "config/networks.h"

static bool
has(const struct prefix_table *table, const struct address *address)
{
	return table->count > 0 &&
	       prefix_table_find(table, address) != PREFIX_NONE;
}

bool
networks_allow(const struct listener_config *listener,
	       const struct address *address)
{
	return !has(&listener->deny, address) &&
	       (listener->allow.count == 0 || has(&listener->allow, address));
}

bool
networks_has_proxy(const struct listener_config *listener,
		   const struct address *address)
{
	return has(&listener->proxies, address);
}
