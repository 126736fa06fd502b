/* SPDX-License-Identifier: MIT */
#include "input/connection.h"

#include <stdio.h>
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
	free(c->rest);
	tls_stream_free(c->tls);
	free(c->identity);
	free(c->secured);
	free(c->proxied);
	free(c);
}

void
connection_accepted(struct connection *c, uint64_t number)
{
	const struct listener_config *config = c->listener->config;

	c->origin = (struct origin){ .listener = c->listener->name,
				     .run = c->listener->state->header->run,
				     .connection = number,
				     .protocol = PROTOCOL_TCP };
	if (c->entry.peer.any.sa_family == AF_UNIX)
		c->origin.protocol = PROTOCOL_UNIX_STREAM;
	connection_name_peer(c);
	framer_init(&c->framer, config->framing, &config->framing_settings,
		    config->limits.max_record);
	c->opened_ms = c->received_ms = clock_now_ms();
}

void
connection_await_header(struct connection *c)
{
	c->proxy_header = STATE_HEADER_AWAITED;
	c->entry.unadmitted = &c->listener->unadmitted;
}

void
connection_await_handshake(struct connection *c)
{
	c->tls_state = STATE_TLS_AWAITED;
	c->entry.unadmitted = &c->listener->unadmitted;
}

void
connection_name_peer(struct connection *c)
{
	address_format(&c->entry.peer, c->origin.peer);
	c->origin.name = peer_names_find(c->listener->config->peer_names,
					 &c->entry.peer);
}

void
connection_describe_proxy(struct connection *c, const char *name)
{
	c->origin.by = c->by;
	/* Without memory the end of the connection tells it, as it always does.
	 */
	if (asprintf(&c->proxied, "proxied by=%s%s%s", c->by,
		     name ? " told-name=" : "", name ? name : "") < 0)
		c->proxied = NULL;
}

bool
connection_secured(struct connection *c, const struct tls_identity *identity)
{
	bool is_known = identity->fingerprint[0];
	const char *name = identity->name[0] ? identity->name : NULL;

	if (asprintf(&c->secured, "secured version=%s%s%s%s%s",
		     tls_stream_version(c->tls), name ? " name=" : "",
		     name ? name : "", is_known ? " fingerprint=" : "",
		     identity->fingerprint) < 0) {
		c->secured = NULL;
		return false;
	}
	if (!is_known)
		return true;
	c->identity = malloc(sizeof *c->identity);
	if (!c->identity)
		return false;
	*c->identity = *identity;
	c->origin.fingerprint = c->identity->fingerprint;
	if (name)
		c->origin.name = c->identity->name;
	return true;
}
