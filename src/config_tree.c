/* SPDX-License-Identifier: MIT */
#include "config_tree.h"

#include <string.h>

#include "config_options.h"
#include "framer.h"

/* All members of a group: each by its row of the table, or it is unknown. */
static void
read_group(struct reader *r, config_setting_t *group,
	   const struct option *table, void *target)
{
	const char *names[32] = { NULL };

	for (size_t i = 0; table[i].name; i++) {
		names[i] = table[i].name;
		if (table[i].required &&
		    !config_setting_get_member(group, table[i].name))
			fault_at(r, group, "missing setting \"%s\"",
				 table[i].name);
	}
	for (int i = 0; i < config_setting_length(group); i++) {
		config_setting_t *member =
			config_setting_get_elem(group, (unsigned)i);
		const char *name = config_setting_name(member);
		const struct option *option = option_find(table, name);
		const char *near = faults_nearest(name, names);

		if (option)
			value_read(r, member, option, target);
		else if (near)
			fault_at(r, member,
				 "unknown setting \"%s\", did you mean \"%s\"?",
				 name, near);
		else
			fault_at(r, member, "unknown setting \"%s\"", name);
	}
}

/* Settings that mean nothing to an output of this type. */
static void
check_applies(struct reader *r, config_setting_t *group, long type)
{
	for (const struct option *o = config_output_options; o->name; o++) {
		config_setting_t *member =
			config_setting_get_member(group, o->name);

		if (member && !option_applies(o, type))
			fault_at(r, member,
				 "found \"%s\", which this type of output has "
				 "no use for",
				 o->name);
	}
}

static void
read_output(struct reader *r, config_setting_t *group)
{
	struct config *config = r->config;
	struct output_config *output;
	size_t faults = r->faults->count;
	int twin;

	if (config->output_count == CONFIG_OUTPUTS) {
		fault_at(r, group, "found more outputs than %d, the most",
			 CONFIG_OUTPUTS);
		return;
	}
	output = config_add_output(config);
	read_group(r, group, config_output_options, output);
	if (r->faults->count > faults) {
		/* A type that is not known makes no more faults. */
		config_complete_outputs(config);
		return;
	}
	check_applies(r, group, output->type);
	if (output->type == OUTPUT_FILE && !output->path)
		fault_at(r, group, "missing setting \"path\"");
	config_complete_outputs(config);
	twin = config_find_output(config, output->name);
	if (twin != (int)config->output_count - 1)
		fault_at(r, group,
			 "found a second output \"%s\", expected a name of its "
			 "own",
			 output->name);
}

static bool
is_same_listener(const struct listener_config *a,
		 const struct listener_config *b)
{
	const char *a_interface = a->interface ? a->interface : "";
	const char *b_interface = b->interface ? b->interface : "";

	return a->port != 0 && a->port == b->port &&
	       a->protocol == b->protocol &&
	       strcmp(a->address, b->address) == 0 &&
	       strcmp(a_interface, b_interface) == 0;
}

static void
check_outputs(struct reader *r, config_setting_t *names)
{
	const char *known[CONFIG_OUTPUTS + 1] = { NULL };

	/* That it is neither array nor list was told by its value. */
	if (!names || !config_setting_is_aggregate(names) ||
	    config_setting_is_group(names))
		return;
	for (size_t i = 0; i < r->config->output_count; i++)
		known[i] = r->config->outputs[i].name;
	if (config_setting_length(names) == 0)
		fault_at(r, names,
			 "found no name in outputs, expected at least one");
	for (int i = 0; i < config_setting_length(names); i++) {
		const char *name = config_setting_get_string_elem(names, i);
		const char *near;

		if (!name || config_find_output(r->config, name) >= 0)
			continue;
		near = faults_nearest(name, known);
		fault_at(r, config_setting_get_elem(names, (unsigned)i),
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
	bool fits = l->framing == FRAMING_LINE || l->framing < 0 ||
		    is_tcp == (l->framing < FRAMING_DATAGRAM);

	if (fits)
		return;
	fault_at(r, config_setting_get_member(group, "framing"),
		 "framing: found \"%s\", expected %s",
		 option_find(config_listener_options, "framing")
			 ->choices[l->framing],
		 is_tcp ? "for tcp one of \"line\", \"lf\", \"nul\", "
			  "\"octet-counted\", \"chunk\""
			: "for udp one of \"datagram\", \"exact\", \"line\"");
}

static void
read_listener(struct reader *r, config_setting_t *group)
{
	struct config *config = r->config;
	struct listener_config *listener = config_add_listener(config);
	size_t faults = r->faults->count;

	read_group(r, group, config_listener_options, listener);
	check_outputs(r, config_setting_get_member(group, "outputs"));
	if (config_setting_get_member(group, "protocol"))
		check_framing(r, group, listener);
	if (r->faults->count > faults)
		return;
	for (size_t i = 0; i + 1 < config->listener_count; i++)
		if (is_same_listener(&config->listeners[i], listener)) {
			fault_at(r, group,
				 "found a second listener on this port and "
				 "address, expected one");
			return;
		}
}

/* Each group of a list, given to read; an empty list is a fault. */
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
		fault_at(r, list, "%s: found none, expected at least one",
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
	/* What listeners inherit comes before them, and outputs they name. */
	if (limits && config_setting_is_group(limits))
		read_group(r, limits, config_limits_options, r->config);
	else if (limits)
		value_wrong_type(r, limits, "a group: { ... }");
	read_list(r, "outputs", read_output);
	config_complete_outputs(r->config);
	read_list(r, "listeners", read_listener);
	config_complete_listeners(r->config);
}
