/* SPDX-License-Identifier: MIT */
#include "input/listener.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/diag.h"

static const char *
protocol_name(const struct listener *listener)
{
	return listener->config->protocol == PROTOCOL_TCP ? "tcp" : "udp";
}

/* Its name, with the port that it has, or is to have. */
static void
set_name(struct listener *listener, unsigned port)
{
	if (listener->config->name)
		snprintf(listener->name, sizeof listener->name, "%s",
			 listener->config->name);
	else
		snprintf(listener->name, sizeof listener->name, "%s/%u",
			 protocol_name(listener), port);
}

/* What is bound once only, so that two of one name are not taken for one. */
static void
set_key(struct listener *listener)
{
	const char *interface = listener->config->interface;
	char address[ADDRESS_TEXT], key[SAVED_NAME];

	set_name(listener, ntohs(listener->socket.address.in.sin_port));
	address_format(&listener->socket.address, address);
	snprintf(key, sizeof key, "%s %s %s%s%.15s", listener->name,
		 protocol_name(listener), address, interface ? " " : "",
		 interface ? interface : "");
	fdstore_name(listener->key, key);
}

static void
keep_socket(struct listener *listener)
{
	listen_fds_listener_name(listener->kept, listener->key);
	fdstore_add(listener->socket.fd, listener->kept);
}

void
listener_find(struct listener *listener, const struct listener_config *config,
	      struct listen_fds *in)
{
	listener->config = config;
	set_name(listener, (unsigned)config->port);
	listener->socket.fd = listen_fds_take_listener(
		in, config, listener->name, listener->kept);
	listener->was_passed = listener->socket.fd >= 0;
	listener->is_counted =
		listener->was_passed && sockets_is_counted(listener->socket.fd);
	listener->is_shared = listener->was_passed && !listener->kept[0];
}

bool
listener_open(struct listener *listener, long backlog, bool beside,
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
		keep_socket(listener);
	pool_init(&listener->pool, outputs, config->output_mask,
		  &listener->counters, input_size,
		  (size_t)config->limits.max_record);
	return true;
}

const char *
listener_keep(struct listener *listener, const struct listener_config *config,
	      long backlog, bool beside)
{
	struct bound *socket = &listener->socket;
	const char *action = sockets_try(config, backlog, beside, socket);

	if (action)
		return action;
	listener->config = config;
	set_key(listener);
	if (config->protocol == PROTOCOL_UDP)
		sockets_leave_uncounted(socket->fd);
	keep_socket(listener);
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
		fdstore_remove(listener->kept);
}

void
listener_save(const struct listener *listener, struct saved_listener *kept)
{
	const struct listener_counters *c = &listener->counters;

	*kept = (struct saved_listener){
		.records = c->records,
		.bytes = c->bytes,
		.accepted = c->accepted,
		.refused = c->refused,
		.lost = c->lost,
		.truncated = c->truncated,
	};
	memcpy(kept->name, listener->key, sizeof kept->name);
}

void
listener_restore(struct listener *listener, const struct saved_listener *kept)
{
	struct listener_counters *c = &listener->counters;

	c->records = kept->records;
	c->bytes = kept->bytes;
	c->accepted = kept->accepted;
	c->refused = kept->refused;
	c->lost = kept->lost;
	c->truncated = kept->truncated;
}

void
listener_log(const struct listener *listener)
{
	const struct bound *socket = &listener->socket;
	long asked = listener->config->limits.receive_buffer;
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
	     "listener %s: listening on udp %s%s%s, receive buffer: %ld bytes "
	     "asked for, %ld granted%s",
	     listener->name, address, on, interface, asked,
	     socket->receive_buffer,
	     socket->receive_buffer < asked ? " (net.core.rmem_max is less)"
					    : "");
}

void
listener_log_counters(const struct listener *listener)
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
listener_close_socket(struct listener *listener, bool ends)
{
	if (listener->socket.fd < 0)
		return;
	/* If it is kept it is to end now, not when systemd lets go of it. */
	if (ends && !listener->is_shared)
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
