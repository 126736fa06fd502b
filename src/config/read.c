/* SPDX-License-Identifier: MIT */
#include "config/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/check_output.h"
#include "config/conflicts.h"
#include "config/defaults.h"
#include "config/expect.h"
#include "config/options.h"
#include "config/peer_names.h"

/*
 * Read all members of a group, each by its row of the table.  Returns a bit for
 * each row that has an error: its value is wrong, or it is required and
 * missing.
 */
static unsigned
read_group(struct reader *r, config_setting_t *group,
	   const struct option *table, void *target)
{
	const char *names[32] = { NULL };
	unsigned wrong = 0;

	for (size_t i = 0; table[i].name; i++) {
		names[i] = table[i].name;
		if (!table[i].required || table[i].applies != 0 ||
		    config_setting_get_member(group, table[i].name))
			continue;
		error_at(r, group, "missing setting \"%s\"", table[i].name);
		wrong |= 1U << i;
	}
	for (int i = 0; i < config_setting_length(group); i++) {
		config_setting_t *member =
			config_setting_get_elem(group, (unsigned)i);
		const char *name = config_setting_name(member);
		const struct option *option = option_find(table, name);
		const char *near = errors_nearest(name, names);

		if (option)
			wrong |=
				(unsigned)!value_read(r, member, option, target)
				<< (option - table);
		else if (near)
			error_at(r, member,
				 "unknown setting \"%s\", did you mean \"%s\"?",
				 name, near);
		else
			error_at(r, member, "unknown setting \"%s\"", name);
	}
	return wrong;
}

static bool
is_wrong(unsigned wrong, const struct option *table, const char *name)
{
	return wrong >> (option_find(table, name) - table) & 1;
}

/* Group `number` of a list; what is no group is not counted. */
static const config_setting_t *
find_group(const config_setting_t *list, size_t number)
{
	const config_setting_t *group = config_setting_get_elem(list, 0);

	for (unsigned i = 1; !config_setting_is_group(group) || number-- > 0;
	     i++)
		group = config_setting_get_elem(list, i);
	return group;
}

/* Say in words where group `number` of the list that holds group stands. */
static void
describe_place(const struct reader *r, const config_setting_t *group,
	       size_t number, char out[256])
{
	const config_setting_t *first =
		find_group(config_setting_parent(group), number);
	const struct token *here = setting_token(r, group);
	const struct token *there = setting_token(r, first);
	bool is_here;

	is_here = strcmp(there->file, here->file) == 0;
	snprintf(out, 256, "line %u%s%s", there->line, is_here ? "" : " of ",
		 is_here ? "" : there->file);
}

/* Refuse settings that are not for these kinds, and miss those that are. */
static void
check_applies(struct reader *r, config_setting_t *group,
	      const struct option *table, unsigned kinds, const char *user)
{
	for (; table->name; table++) {
		config_setting_t *member =
			config_setting_get_member(group, table->name);

		if (member && !option_applies(table, kinds))
			error_at(r, member,
				 "found \"%s\", which %s has no use for",
				 table->name, user);
		else if (!member && table->required && table->applies & kinds)
			error_at(r, group, "missing setting \"%s\"",
				 table->name);
	}
}

static void
check_output_conflicts(struct reader *r, config_setting_t *group)
{
	const struct config *config = r->config;
	size_t last = config->output_count - 1;
	const struct output_config *output = &config->outputs[last];
	char place[256];

	for (size_t i = 0; i < last; i++) {
		const struct output_config *first = &config->outputs[i];
		bool is_same = conflicts_outputs(first, output);

		if (!is_same && !conflicts_rotated(first, output))
			continue;
		describe_place(r, group, i, place);
		error_at(r, group,
			 is_same ? "found a second output to %s, the first is "
				   "on %s"
				 : "found an output to %s, where max_size "
				   "renames files, beside the one on %s",
			 output->path ? output->path : "stdout", place);
		return;
	}
	if (*output->name &&
	    config_find_output(config, output->name) != (int)last)
		error_at(r, group,
			 "found a second output \"%s\", expected a name of its "
			 "own",
			 output->name);
}

/*
 * An output without a name, and without a path or type to be named after, is
 * called "".  If an error hides its name, no listener's outputs are reported as
 * unknown.
 */
static void
name_output(struct reader *r, struct output_config *output, unsigned wrong)
{
	const struct option *table = config_output_options;
	bool is_unknown = is_wrong(wrong, table, "name") ||
			  output->type == OUTPUT_UNKNOWN ||
			  is_wrong(wrong, table, "path");
	bool has_no_path = output->type == OUTPUT_FILE && !output->path;

	if (!output->name && (is_unknown || has_no_path)) {
		output->name = memory_copy("");
		r->has_unknown_names |= is_unknown;
	}
	config_complete_outputs(r->config);
}

static void
read_output(struct reader *r, config_setting_t *group)
{
	const struct option *table = config_output_options;
	struct config *config = r->config;
	struct output_config *output;
	unsigned wrong;

	if (config->output_count == CONFIG_OUTPUTS) {
		error_at(r, group, "found more outputs than %d, the most",
			 CONFIG_OUTPUTS);
		return;
	}
	output = config_add_output(config);
	wrong = read_group(r, group, table, output);
	if (is_wrong(wrong, table, "type")) {
		output->type = OUTPUT_UNKNOWN;
	} else {
		check_applies(r, group, table, option_output_kinds(output),
			      "this type of output");
		check_output(r, group, output);
	}
	name_output(r, output, wrong);
	check_output_conflicts(r, group);
}

static void
check_outputs(struct reader *r, config_setting_t *names)
{
	const char *known[CONFIG_OUTPUTS + 1] = { NULL };

	/* value_read() has reported what is neither array nor list. */
	if (!names || !config_setting_is_aggregate(names) ||
	    config_setting_is_group(names) || value_is_reported(r, names))
		return;
	for (size_t i = 0; i < r->config->output_count; i++)
		known[i] = r->config->outputs[i].name;
	if (config_setting_length(names) == 0)
		error_at(r, names,
			 "found no name in outputs, expected at least one");
	for (int i = 0; i < config_setting_length(names); i++) {
		const char *name = config_setting_get_string_elem(names, i);
		const char *near;

		if (!name || config_find_output(r->config, name) >= 0 ||
		    r->has_unknown_names)
			continue;
		near = errors_nearest(name, known);
		error_at(r, config_setting_get_elem(names, (unsigned)i),
			 "unknown output \"%s\", expected the name of an "
			 "output%s%s%s",
			 name, near ? ", such as \"" : "", near ? near : "",
			 near ? "\"" : "");
	}
}

static void
check_framing(struct reader *r, config_setting_t *group,
	      const struct listener_config *l)
{
	bool is_tcp = l->protocol == PROTOCOL_TCP;
	bool is_udp_framing =
		l->framing == FRAMING_DATAGRAM || l->framing == FRAMING_EXACT;
	bool fits = l->framing == FRAMING_LINE || l->framing == FRAMING_UNSET ||
		    is_tcp != is_udp_framing;

	if (fits)
		return;
	error_at(r, config_setting_get_member(group, "framing"),
		 "framing: found \"%s\", expected %s",
		 option_find(config_listener_options, "framing")
			 ->choices[l->framing],
		 is_tcp ? "for tcp one of \"line\", \"lf\", \"nul\", "
			  "\"octet-counted\", \"chunk\", \"delimiter\", "
			  "\"length\""
			: "for udp one of \"datagram\", \"exact\", \"line\"");
}

static void
check_address(struct reader *r, config_setting_t *group,
	      const struct listener_config *l)
{
	const char *expected = expect_usable_address(
		l->address, l->protocol,
		config_setting_get_member(group, "interface"));

	if (expected)
		value_wrong_type(r, config_setting_get_member(group, "address"),
				 expected);
}

static void
check_protocol(struct reader *r, config_setting_t *group,
	       const struct listener_config *l)
{
	check_applies(r, group, config_listener_options,
		      option_listener_kinds(l), "this protocol or framing");
	check_framing(r, group, l);
	check_address(r, group, l);
}

static void
check_share(struct reader *r, config_setting_t *group,
	    const struct listener_config *l)
{
	if (l->limits.max_connections > r->config->limits.max_connections)
		error_at(r, config_setting_get_member(group, "max_connections"),
			 "max_connections: found %u, expected at most %u, "
			 "which limits has for all listeners together",
			 l->limits.max_connections,
			 r->config->limits.max_connections);
}

/* With its port, the name of each must be one that a listener may have. */
static void
check_range(struct reader *r, config_setting_t *group,
	    const struct listener_config *l)
{
	if (l->last_port > 0 && l->name && strlen(l->name) > 64 - 6)
		value_wrong_type(r, config_setting_get_member(group, "name"),
				 "at most 58 characters, for the port follows");
}

static void
check_names(struct reader *r, config_setting_t *group,
	    const struct listener_config *l)
{
	char place[256];
	size_t i = 0;

	while (!conflicts_names(&r->config->listeners[i], l) &&
	       &r->config->listeners[i] != l)
		i++;
	if (&r->config->listeners[i] == l)
		return;
	describe_place(r, group, i, place);
	error_at(r, group,
		 "found a second %s listener \"%s\", expected a name of its "
		 "own: the first is on %s",
		 address_protocol(l->protocol),
		 l->name ? l->name : r->config->listeners[i].name, place);
}

static void
check_listener_conflicts(struct reader *r, config_setting_t *group)
{
	const struct config *config = r->config;
	size_t last = config->listener_count - 1;
	char place[256];

	for (size_t i = 0; i < last; i++) {
		const struct listener_config *first = &config->listeners[i];

		if (!conflicts_listeners(first, &config->listeners[last]))
			continue;
		describe_place(r, group, i, place);
		error_at(r, group,
			 "found a second listener on this port and address, "
			 "the first, of \"%s\", is on %s",
			 first->address, place);
		return;
	}
}

static void
read_listener(struct reader *r, config_setting_t *group)
{
	const struct option *table = config_listener_options;
	struct listener_config *listener = config_add_listener(r->config);
	unsigned wrong = read_group(r, group, table, listener);

	check_outputs(r, config_setting_get_member(group, "outputs"));
	if (!is_wrong(wrong, table, "protocol"))
		check_protocol(r, group, listener);
	check_share(r, group, listener);
	check_range(r, group, listener);
	if (wrong == 0)
		check_names(r, group, listener);
	/* Port 0 conflicts with none: where it is to listen is unknown. */
	if (is_wrong(wrong, table, "protocol") ||
	    is_wrong(wrong, table, "address") ||
	    is_wrong(wrong, table, "interface"))
		listener->port = listener->last_port = 0;
	check_listener_conflicts(r, group);
}

static void
read_name(struct reader *r, config_setting_t *group)
{
	struct peer_names *names = &r->config->peer_names;
	struct peer_name *name = peer_names_add(names);
	struct network network;

	if (read_group(r, group, config_name_options, name) == 0 &&
	    !network_parse(&network, name->address))
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
		group = find_group(list, second);
		describe_place(r, group, first, place);
		error_at(r, group,
			 "found a second name for %s, the first, \"%s\", is "
			 "on %s",
			 names->list[second].address, names->list[first].name,
			 place);
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

	read_group(r, config_root_setting(&r->tree), config_top_options,
		   r->config);
	/* Listeners inherit limits and name outputs: read these first. */
	if (limits && config_setting_is_group(limits))
		read_group(r, limits, config_limits_options, r->config);
	else if (limits)
		value_wrong_type(r, limits, "a group: { ... }");
	read_list(r, "names", read_name);
	complete_names(r);
	read_list(r, "outputs", read_output);
	config_complete_outputs(r->config);
	read_list(r, "listeners", read_listener);
	config_complete_listeners(r->config);
}
