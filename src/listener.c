/* SPDX-License-Identifier: MIT */
#include "listener.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "diag.h"

static const char *
protocol_name(const struct listener *listener)
{
	return listener->config->protocol == PROTOCOL_TCP ? "tcp" : "udp";
}

bool
listener_open(struct listener *listener, const struct listener_config *config,
	      long backlog, struct outputs *outputs, size_t input_size)
{
	listener->config = config;
	if (!sockets_bind(config, backlog, &listener->socket))
		return false;
	if (config->name)
		snprintf(listener->name, sizeof listener->name, "%s",
			 config->name);
	else
		snprintf(listener->name, sizeof listener->name, "%s/%u",
			 protocol_name(listener),
			 ntohs(listener->socket.address.in.sin_port));
	pool_init(&listener->pool, outputs, config->output_set,
		  &listener->counters, input_size,
		  (size_t)config->limits.max_record);
	return true;
}

void
listener_tell(const struct listener *listener)
{
	const struct bound *socket = &listener->socket;
	long asked = listener->config->limits.receive_buffer;
	char address[ADDRESS_TEXT];

	address_format(&socket->address, address);
	if (listener->config->protocol == PROTOCOL_TCP) {
		diag(LOG_INFO, "listener %s: listening on tcp %s",
		     listener->name, address);
		return;
	}
	diag(LOG_INFO,
	     "listener %s: listening on udp %s, receive buffer: %ld bytes "
	     "asked for, %ld granted%s",
	     listener->name, address, asked, socket->receive_buffer,
	     socket->receive_buffer < asked ? " (net.core.rmem_max is less)"
					    : "");
}

void
listener_tell_counters(const struct listener *listener)
{
	char text[256];

	counters_format_listener(text, sizeof text,
				 (enum protocol)listener->config->protocol,
				 &listener->counters);
	diag(LOG_INFO, "listener %s: %s", listener->name, text);
}

void
listener_note(struct listener *listener, const char *text)
{
	struct origin origin = {
		.listener = listener->name,
		.peer = "-",
		.protocol = (enum protocol)listener->config->protocol,
	};
	struct record note = {
		.origin = &origin,
		.data = (const unsigned char *)text,
		.size = strlen(text),
		.tag = TAG_NOTE,
	};
	struct batch *batch = batch_borrow(&listener->pool);

	clock_gettime(CLOCK_REALTIME, &note.time);
	batch_add(batch, &note);
	batch_emit(batch);
	batch_return(batch);
}

void
listener_close_socket(struct listener *listener)
{
	if (listener->socket.fd >= 0)
		close(listener->socket.fd);
	listener->socket.fd = -1;
}

void
listener_close(struct listener *listener)
{
	listener_close_socket(listener);
	pool_destroy(&listener->pool);
}
