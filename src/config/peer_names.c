/* SPDX-License-Identifier: MIT */
#include "config/peer_names.h"

#include <stdlib.h>

#include "base/memory.h"
#include "config/options.h"

struct peer_name *
peer_names_add(struct peer_names *names)
{
	struct peer_name *name;

	names->list =
		memory_append(names->list, names->count, sizeof *names->list);
	name = &names->list[names->count++];
	options_set_defaults(config_name_options, name);
	return name;
}

const char *
peer_names_find(const struct peer_names *names, const struct address *address)
{
	unsigned found = names ? prefix_table_find(&names->networks, address)
			       : PREFIX_NONE;

	return found == PREFIX_NONE ? NULL : names->list[found].name;
}

void
peer_names_free(struct peer_names *names)
{
	for (size_t i = 0; i < names->count; i++) {
		free(names->list[i].address);
		free(names->list[i].name);
	}
	free(names->list);
	prefix_table_free(&names->networks);
}
