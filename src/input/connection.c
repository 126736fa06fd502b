/* SPDX-License-Identifier: MIT */
#include "input/connection.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "config/peer_names.h"

struct connection *
connection_new(struct listener *listener)
{
	struct connection *c = malloc(sizeof *c);

	if (!c)
		return NULL;
	*c = (struct connection){
		.entry = { .fd = -1,
			   .count = &listener->counters->connections },
		.listener = listener,
		.registry = listener->registry,
	};
	return c;
}

void
connection_free(struct connection *c)
{
	if (c->batch)
		batch_return(c->batch);
	if (c->entry.fd >= 0)
		close(c->entry.fd);
	free(c->unfinished);
	free(c);
}

void
connection_accepted(struct connection *c, uint64_t number)
{
	const struct listener_config *config = c->listener->config;

	c->origin = (struct origin){ .listener = c->listener->name,
				     .connection = number,
				     .protocol = PROTOCOL_TCP };
	if (c->entry.peer.any.sa_family == AF_UNIX)
		c->origin.protocol = PROTOCOL_UNIX_STREAM;
	address_format(&c->entry.peer, c->origin.peer);
	c->origin.name = peer_names_find(config->peer_names, &c->entry.peer);
	framer_init(&c->framer, config->framing, &config->framing_settings,
		    config->limits.max_record);
	c->opened_ms = c->received_ms = clock_now_ms();
}
