/* SPDX-License-Identifier: MIT */
#include "config/read_listener.h"

#include <stdlib.h>
#include <string.h>

#include "config/conflicts.h"
#include "config/defaults.h"
#include "config/expect.h"
#include "config/group.h"
#include "config/read_tls.h"

/* value_read() has reported what is neither array nor list. */
static bool
is_list(const struct reader *r, const config_setting_t *names)
{
	return names && config_setting_is_aggregate(names) &&
	       !config_setting_is_group(names) && !value_is_reported(r, names);
}

static void
check_outputs(struct reader *r, config_setting_t *names)
{
	const char *known[CONFIG_OUTPUTS + 1] = { NULL };

	if (!is_list(r, names))
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
	bool is_stream = protocol_is_stream(l->protocol);
	bool is_of_datagrams =
		l->framing == FRAMING_DATAGRAM || l->framing == FRAMING_EXACT;
	bool fits = l->framing == FRAMING_LINE || l->framing == FRAMING_UNSET ||
		    is_stream != is_of_datagrams;

	if (fits)
		return;
	error_at(r, config_setting_get_member(group, "framing"),
		 "framing: found \"%s\", expected for %s one of %s",
		 option_find(config_listener_options, "framing")
			 ->choices[l->framing],
		 address_protocol(l->protocol),
		 is_stream ? "\"line\", \"lf\", \"nul\", \"octet-counted\", "
			     "\"chunk\", \"delimiter\", \"length\""
			   : "\"datagram\", \"exact\", \"line\"");
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

static bool
is_earlier(const config_setting_t *groups, int last)
{
	const char *text = config_setting_get_string_elem(groups, last);
	struct address group, other;

	address_parse(&group, text, 0);
	for (int i = 0; i < last; i++) {
		text = config_setting_get_string_elem(groups, i);
		if (text && address_parse(&other, text, 0) &&
		    address_same_host(&group, &other))
			return true;
	}
	return false;
}

static void
check_group(struct reader *r, const config_setting_t *groups, int i,
	    const struct listener_config *l)
{
	const config_setting_t *item =
		config_setting_get_elem(groups, (unsigned)i);
	const char *text = config_setting_get_string(item);
	const char *expected =
		text ? expect_group(text, l->address, l->interface) : NULL;

	if (expected)
		error_at(r, item, "groups: found \"%s\", expected %s", text,
			 expected);
	else if (text && is_earlier(groups, i))
		error_at(r, item, "groups: found \"%s\" a second time", text);
}

static void
check_groups(struct reader *r, config_setting_t *group,
	     const struct listener_config *l)
{
	config_setting_t *groups = config_setting_get_member(group, "groups");
	struct address own;

	if (l->protocol != PROTOCOL_UDP || !is_list(r, groups))
		return;
	/* What is sent to a group is sent to no other address. */
	if (address_parse(&own, l->address, 0) && !address_is_any(&own))
		value_wrong_type(
			r, config_setting_get_member(group, "address"),
			"\"*\", \"0.0.0.0\" or \"::\" beside \"groups\"");
	if (config_setting_length(groups) > CONFIG_GROUPS)
		error_at(r, groups, "found %d groups, expected at most %d",
			 config_setting_length(groups), CONFIG_GROUPS);
	for (int i = 0; i < config_setting_length(groups); i++)
		check_group(r, groups, i, l);
}

/* By default the path is the name too. */
static void
check_path(struct reader *r, config_setting_t *group,
	   const struct listener_config *l)
{
	const char *expected = expect_unix_path(l->path);

	if (expected)
		value_wrong_type(r, config_setting_get_member(group, "path"),
				 expected);
	else if (!l->name && !value_is_name(l->path))
		error_at(r, group,
			 "missing setting \"name\": the path is none, for that "
			 "has " VALUE_NAME);
	expected = l->group ? expect_user_group(l->group) : NULL;
	if (expected)
		value_wrong_type(r, config_setting_get_member(group, "group"),
				 expected);
}

static void
check_protocol(struct reader *r, config_setting_t *group,
	       const struct listener_config *l)
{
	group_check_applies(r, group, config_listener_options,
			    option_listener_kinds(l),
			    "this protocol or framing");
	check_framing(r, group, l);
	if (!protocol_is_unix(l->protocol)) {
		check_address(r, group, l);
		check_groups(r, group, l);
	} else if (l->path) {
		check_path(r, group, l);
	}
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
	group_describe_place(r, group, i, place);
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
		group_describe_place(r, group, i, place);
		error_at(r, group,
			 "found a second listener on this %s, the first, of "
			 "\"%s\", is on %s",
			 first->path ? "path" : "port and address",
			 first->path ? first->path : first->address, place);
		return;
	}
}

void
read_listener(struct reader *r, config_setting_t *group)
{
	const struct option *table = config_listener_options;
	struct listener_config *listener = config_add_listener(r->config);
	uint64_t wrong = group_read(r, group, table, listener);

	check_outputs(r, config_setting_get_member(group, "outputs"));
	read_tls(r, config_setting_get_member(group, "tls"), listener);
	if (!group_is_wrong(wrong, table, "protocol"))
		check_protocol(r, group, listener);
	else if (!config_setting_get_member(group, "port") &&
		 !config_setting_get_member(group, "path"))
		error_at(r, group, "missing setting \"port\"");
	check_share(r, group, listener);
	check_range(r, group, listener);
	if (wrong == 0)
		check_names(r, group, listener);
	/* Port 0 conflicts with none: where it is to listen is unknown. */
	if (group_is_wrong(wrong, table, "protocol") ||
	    group_is_wrong(wrong, table, "address") ||
	    group_is_wrong(wrong, table, "interface"))
		listener->port = listener->last_port = 0;
	if (!protocol_is_unix(listener->protocol)) {
		free(listener->path);
		listener->path = NULL;
	}
	check_listener_conflicts(r, group);
}
