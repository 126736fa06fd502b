/* SPDX-License-Identifier: MIT */
#include "config/read.h"

#include "config/conflicts.h"
#include "config/defaults.h"
#include "config/group.h"
#include "config/peer_names.h"
#include "config/read_listener.h"
#include "config/read_output.h"

static void
read_name(struct reader *r, config_setting_t *group)
{
	struct peer_names *names = &r->config->peer_names;
	struct peer_name *name = peer_names_add(names);
	char expected[NETWORK_EXPECTED];
	struct network network;

	if (group_read(r, group, config_name_options, name) == 0 &&
	    network_parse(&network, name->address, expected))
		prefix_table_add(&names->networks, &network,
				 (unsigned)names->count - 1);
}

static void
complete_names(struct reader *r)
{
	struct peer_names *names = &r->config->peer_names;
	const struct prefix_table *table = &names->networks;
	const config_setting_t *list = config_lookup(&r->tree, "names");

	prefix_table_sort(&names->networks);
	for (size_t i = 1; i < table->count; i++) {
		unsigned first = table->list[i - 1].value;
		unsigned second = table->list[i].value;
		const config_setting_t *group;
		char place[256];

		if (!prefix_table_is_double(table, i))
			continue;
		group = group_at(list, second);
		group_describe_place(r, group, first, place);
		error_at(r, group,
			 "found a second name for %s, the first, \"%s\", is "
			 "on %s",
			 names->list[second].address, names->list[first].name,
			 place);
	}
}

/* Both would bind it. */
static void
check_status_socket(struct reader *r)
{
	const config_setting_t *set = config_lookup(&r->tree, "status_socket");
	const char *path = r->config->status_socket;

	for (size_t i = 0; set && i < r->config->listener_count; i++) {
		const struct listener_config *l = &r->config->listeners[i];

		if (l->path && *path && conflicts_paths(l->path, path))
			error_at(r, set,
				 "status_socket: found the path of a listener, "
				 "\"%s\"",
				 path);
	}
}

/* Call read for each group of a list; an empty list is an error. */
static void
read_list(struct reader *r, const char *name,
	  void (*read)(struct reader *, config_setting_t *))
{
	config_setting_t *list = config_lookup(&r->tree, name);
	int count = list ? config_setting_length(list) : 0;

	if (!list)
		return;
	if (!config_setting_is_list(list)) {
		value_wrong_type(r, list, "a list of groups: ( { ... } )");
		return;
	}
	if (count == 0)
		error_at(r, list, "%s: found none, expected at least one",
			 name);
	for (int i = 0; i < count; i++) {
		config_setting_t *group =
			config_setting_get_elem(list, (unsigned)i);

		if (config_setting_is_group(group))
			read(r, group);
		else
			value_wrong_type(r, group, "a group: { ... }");
	}
}

void
config_read_tree(struct reader *r)
{
	config_setting_t *limits = config_lookup(&r->tree, "limits");

	group_read(r, config_root_setting(&r->tree), config_top_options,
		   r->config);
	/* Listeners inherit limits and name outputs: read these first. */
	if (limits && config_setting_is_group(limits))
		group_read(r, limits, config_limits_options, r->config);
	else if (limits)
		value_wrong_type(r, limits, "a group: { ... }");
	read_list(r, "names", read_name);
	complete_names(r);
	read_list(r, "outputs", read_output);
	config_complete_outputs(r->config);
	read_list(r, "listeners", read_listener);
	config_complete_listeners(r->config);
	check_status_socket(r);
}
