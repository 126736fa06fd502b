/* SPDX-License-Identifier: MIT */
#include "input/listener.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/diag.h"

/* port: the one that is bound, or at first the configured one. */
static void
set_name(struct listener *listener, unsigned port)
{
	if (listener->config->name)
		snprintf(listener->name, sizeof listener->name, "%s",
			 listener->config->name);
	else
		snprintf(listener->name, sizeof listener->name, "%s/%u",
			 address_protocol(listener->config->protocol), port);
}

static void
set_key(struct listener *listener)
{
	const char *interface = listener->config->interface;
	char address[ADDRESS_TEXT], key[SAVED_NAME];

	set_name(listener, ntohs(listener->socket.address.in.sin_port));
	address_format(&listener->socket.address, address);
	snprintf(key, sizeof key, "%s %s %s%s%.15s", listener->name,
		 address_protocol(listener->config->protocol), address,
		 interface ? " " : "", interface ? interface : "");
	fdstore_name(listener->key, key);
}

static void
store_socket(struct listener *listener)
{
	listen_fds_listener_name(listener->store_name, listener->key);
	fdstore_add(listener->socket.fd, listener->store_name);
}

void
listener_find(struct listener *listener, const struct listener_config *config,
	      struct listen_fds *in)
{
	listener->config = config;
	set_name(listener, config->port);
	listener->socket.fd = listen_fds_take_listener(
		in, config, listener->name, listener->store_name);
	listener->was_passed = listener->socket.fd >= 0;
	listener->is_counted =
		listener->was_passed && sockets_is_counted(listener->socket.fd);
	listener->is_shared = listener->was_passed && !listener->store_name[0];
}

bool
listener_open(struct listener *listener, unsigned backlog, bool beside,
	      struct output_set *outputs, size_t input_size)
{
	const struct listener_config *config = listener->config;
	struct bound *socket = &listener->socket;

	if (listener->was_passed
		    ? !sockets_adopt(socket->fd, config, backlog, socket)
		    : !sockets_bind(config, backlog, beside, socket))
		return false;
	set_key(listener);
	if (!listener->was_passed && fdstore_available())
		store_socket(listener);
	pool_init(&listener->pool, outputs, config->output_mask,
		  &listener->counters, input_size, config->limits.max_record);
	return true;
}

const char *
listener_store(struct listener *listener, const struct listener_config *config,
	       unsigned backlog, bool beside)
{
	struct bound *socket = &listener->socket;
	const char *action =
		sockets_bind_quietly(config, backlog, beside, socket);

	if (action)
		return action;
	listener->config = config;
	set_key(listener);
	if (config->protocol == PROTOCOL_UDP)
		sockets_leave_uncounted(socket->fd);
	store_socket(listener);
	return NULL;
}

void
listener_stop_listening(const struct listener *listener)
{
	if (listener->is_shared)
		return;
	if (listener->config->protocol == PROTOCOL_TCP)
		sockets_block_input(listener->socket.fd);
	if (fdstore_available())
		fdstore_remove(listener->store_name);
}

void
listener_save(const struct listener *listener, struct saved_listener *saved)
{
	const struct listener_counters *c = &listener->counters;

	*saved = (struct saved_listener){
		.records = c->records,
		.bytes = c->bytes,
		.accepted = c->accepted,
		.refused = c->refused,
		.lost = c->lost,
		.truncated = c->truncated,
	};
	memcpy(saved->name, listener->key, sizeof saved->name);
}

void
listener_restore(struct listener *listener, const struct saved_listener *saved)
{
	struct listener_counters *c = &listener->counters;

	c->records = saved->records;
	c->bytes = saved->bytes;
	c->accepted = saved->accepted;
	c->refused = saved->refused;
	c->lost = saved->lost;
	c->truncated = saved->truncated;
}

void
listener_log(const struct listener *listener)
{
	const struct bound *socket = &listener->socket;
	unsigned requested = listener->config->limits.receive_buffer;
	const char *interface = listener->config->interface;
	const char *on = interface ? " on " : "";
	char address[ADDRESS_TEXT];

	address_format(&socket->address, address);
	interface = interface ? interface : "";
	if (listener->config->protocol == PROTOCOL_TCP) {
		diag(LOG_INFO, "listener %s: listening on tcp %s%s%s",
		     listener->name, address, on, interface);
		return;
	}
	diag(LOG_INFO,
	     "listener %s: listening on udp %s%s%s, receive buffer: %u bytes "
	     "asked for, %u granted%s",
	     listener->name, address, on, interface, requested,
	     socket->receive_buffer,
	     socket->receive_buffer < requested ? " (net.core.rmem_max is less)"
						: "");
}

void
listener_log_counters(const struct listener *listener)
{
	char text[256];

	counters_format(&listener->counters, listener->config->protocol, text,
			sizeof text);
	diag(LOG_INFO, "listener %s: %s", listener->name, text);
}

void
listener_note(struct listener *listener, const char *text)
{
	struct origin origin = {
		.listener = listener->name,
		.peer = "-",
		.protocol = listener->config->protocol,
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
listener_close_socket(struct listener *listener, bool for_good)
{
	if (listener->socket.fd < 0)
		return;
	/* systemd may have the socket open a little longer. */
	if (for_good && !listener->is_shared)
		shutdown(listener->socket.fd, SHUT_RD);
	close(listener->socket.fd);
	listener->socket.fd = -1;
}

void
listener_close(struct listener *listener)
{
	listener_close_socket(listener, false);
	pool_destroy(&listener->pool);
}
