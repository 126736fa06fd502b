/* SPDX-License-Identifier: MIT */
#include "config/defaults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/user_group.h"
#include "config/options.h"
#include "config/peer_names.h"

/* What listens if no listener is configured, over TCP and UDP. */
#define DEFAULT_PORT 8888

/* By default rsyslog cuts after 8096 bytes; other daemons later. */
#define SYSLOG_MAX_LINE 8000

/* With the file that is written to, ten times max_size in all. */
#define DEFAULT_KEEP 9

void
config_set_defaults(struct config *config)
{
	*config = (struct config){ 0 };
	options_set_defaults(config_top_options, config);
	options_set_defaults(config_limits_options, config);
}

struct listener_config *
config_add_listener(struct config *config)
{
	struct listener_config *listener;

	config->listeners =
		memory_grow(config->listeners, config->listener_count + 1,
			    sizeof *config->listeners);
	listener = &config->listeners[config->listener_count++];
	*listener = (struct listener_config){ 0 };
	options_set_defaults(config_listener_options, listener);
	listener->limits = config->limits;
	return listener;
}

struct config_tls *
config_add_tls(struct listener_config *listener)
{
	listener->tls = memory_zeroed(1, sizeof *listener->tls);
	options_set_defaults(config_tls_options, listener->tls);
	return listener->tls;
}

struct output_config *
config_add_output(struct config *config)
{
	struct output_config *output;

	config->outputs = memory_grow(config->outputs, config->output_count + 1,
				      sizeof *config->outputs);
	output = &config->outputs[config->output_count++];
	*output = (struct output_config){ 0 };
	options_set_defaults(config_output_options, output);
	return output;
}

void
config_complete_outputs(struct config *config)
{
	if (config->output_count == 0)
		config_add_output(config);
	for (size_t i = 0; i < config->output_count; i++) {
		struct output_config *output = &config->outputs[i];

		if (output->type == OUTPUT_SYSLOG &&
		    output->max_line == MAX_LINE_UNSET)
			output->max_line = SYSLOG_MAX_LINE;
		if (output->max_size > 0 && output->keep == KEEP_UNSET)
			output->keep = DEFAULT_KEEP;
		if (!output->name)
			output->name = memory_copy(
				output->path
					? output->path
					: config_output_types[output->type]);
	}
}

static uint64_t
output_mask(const struct config *config, const struct listener_config *listener)
{
	uint64_t mask = 0;

	if (listener->outputs.count == 0)
		return UINT64_MAX >> (CONFIG_OUTPUTS - config->output_count);
	for (size_t i = 0; i < listener->outputs.count; i++) {
		int index =
			config_find_output(config, listener->outputs.list[i]);

		if (index >= 0)
			mask |= UINT64_C(1) << index;
	}
	return mask;
}

static char *
name_with_port(const char *base, unsigned port)
{
	char *name;

	if (asprintf(&name, "%s/%u", base, port) < 0)
		memory_missing();
	return name;
}

static struct names
copy_names(const struct names *names)
{
	struct names copy = {
		.list = memory_zeroed(names->count, sizeof *copy.list),
		.count = names->count,
	};

	for (size_t i = 0; i < names->count; i++)
		copy.list[i] = memory_copy(names->list[i]);
	return copy;
}

static void
free_names(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i]);
	free(names->list);
}

static char *
copy_text(const char *text)
{
	return text ? memory_copy(text) : NULL;
}

static struct config_tls *
copy_tls(const struct config_tls *tls)
{
	struct config_tls *copy;

	if (!tls)
		return NULL;
	copy = memory_zeroed(1, sizeof *copy);
	*copy = *tls;
	copy->file = copy_text(tls->file);
	copy->certificate = copy_text(tls->certificate);
	copy->key = copy_text(tls->key);
	copy->authorities = copy_text(tls->authorities);
	copy->revoked = copy_text(tls->revoked);
	copy->names = copy_names(&tls->names);
	copy->fingerprints = copy_names(&tls->fingerprints);
	return copy;
}

static void
free_tls(struct config_tls *tls)
{
	if (!tls)
		return;
	free(tls->file);
	free(tls->certificate);
	free(tls->key);
	free(tls->authorities);
	free(tls->revoked);
	free_names(&tls->names);
	free_names(&tls->fingerprints);
	free(tls);
}

/* A listener like this one, on one port of its range. */
static struct listener_config
copy_for_port(const struct listener_config *range, unsigned port)
{
	struct listener_config copy = *range;

	copy.port = port;
	copy.last_port = 0;
	if (range->name)
		copy.name = name_with_port(range->name, port);
	copy.address = memory_copy(range->address);
	copy.interface = copy_text(range->interface);
	copy.groups = copy_names(&range->groups);
	copy.outputs = copy_names(&range->outputs);
	copy.allow = prefix_table_copy(&range->allow);
	copy.deny = prefix_table_copy(&range->deny);
	copy.proxies = prefix_table_copy(&range->proxies);
	copy.tls = copy_tls(range->tls);
	return copy;
}

static void
free_listener(struct listener_config *listener)
{
	free(listener->name);
	free(listener->address);
	free(listener->interface);
	free_names(&listener->groups);
	free(listener->path);
	free(listener->group);
	free_names(&listener->outputs);
	prefix_table_free(&listener->allow);
	prefix_table_free(&listener->deny);
	prefix_table_free(&listener->proxies);
	free_tls(listener->tls);
}

static size_t
count_ports(const struct listener_config *listener)
{
	return listener->last_port > 0
		     ? listener->last_port - listener->port + 1
		     : 1;
}

/* Replace each listener for a range of ports by one for each port. */
static void
expand_ranges(struct config *config)
{
	struct listener_config *read = config->listeners, *next;
	size_t count = config->listener_count;

	config->listener_count = 0;
	for (size_t i = 0; i < count; i++)
		config->listener_count += count_ports(&read[i]);
	next = memory_zeroed(config->listener_count, sizeof *next);
	config->listeners = next;
	for (size_t i = 0; i < count; i++) {
		if (read[i].last_port == 0) {
			*next++ = read[i];
			continue;
		}
		for (unsigned p = read[i].port; p <= read[i].last_port; p++)
			*next++ = copy_for_port(&read[i], p);
		free_listener(&read[i]);
	}
	free(read);
}

void
config_complete_listeners(struct config *config)
{
	expand_ranges(config);
	if (config->listener_count == 0) {
		config_add_listener(config)->port = DEFAULT_PORT;
		config_add_listener(config)->port = DEFAULT_PORT;
		config->listeners[1].protocol = PROTOCOL_UDP;
	}
	for (size_t i = 0; i < config->listener_count; i++) {
		struct listener_config *l = &config->listeners[i];

		if (l->framing == FRAMING_UNSET)
			l->framing = protocol_is_stream(l->protocol)
					   ? FRAMING_LINE
					   : FRAMING_DATAGRAM;
		l->output_mask = output_mask(config, l);
		/* Now, for once it is confined it cannot look it up. */
		if (l->group)
			user_group_find(l->group, &l->group_id);
		if (!l->path)
			l->peer_names = &config->peer_names;
		if (!l->name && l->path)
			l->name = memory_copy(l->path);
		if (!l->name && l->port != 0)
			l->name = name_with_port(address_protocol(l->protocol),
						 l->port);
	}
}

size_t
config_count_sockets(const struct config *config)
{
	size_t count = 0;

	for (size_t i = 0; i < config->listener_count; i++)
		count += config->listeners[i].threads;
	return count;
}

int
config_find_output(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->output_count; i++)
		if (strcmp(config->outputs[i].name, name) == 0)
			return (int)i;
	return -1;
}

void
config_free(struct config *config)
{
	for (size_t i = 0; i < config->listener_count; i++)
		free_listener(&config->listeners[i]);
	for (size_t i = 0; i < config->output_count; i++) {
		free(config->outputs[i].name);
		free(config->outputs[i].path);
		free(config->outputs[i].ident);
	}
	peer_names_free(&config->peer_names);
	free(config->status_socket);
	free(config->listeners);
	free(config->outputs);
	*config = (struct config){ 0 };
}
