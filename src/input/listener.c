/* SPDX-License-Identifier: MIT */
#include "input/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "input/rates.h"
#include "input/registry.h"
#include "input/tls_context.h"
#include "system/sockets_input.h"
#include "system/unix_sockets.h"

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
	const char *path = listener->config->path;
	char address[ADDRESS_TEXT] = "", key[FDSTORE_NAME];

	if (listener->socket.fd < 0 && !path)
		address_parse(&listener->socket.address,
			      strcmp(listener->config->address, "*") == 0
				      ? "::"
				      : listener->config->address,
			      (uint16_t)listener->config->port);
	set_name(listener, ntohs(listener->socket.address.in.sin_port));
	if (!path)
		address_format(&listener->socket.address, address);
	snprintf(key, sizeof key, "%s %s %s%s%.15s", listener->name,
		 address_protocol(listener->config->protocol),
		 path ? path : address, interface ? " " : "",
		 interface ? interface : "");
	fdstore_name(listener->key, key);
}

static void
store_socket(struct listener *listener)
{
	fdstore_numbered_name(listener->store_name, FDSTORE_LISTENER,
			      state_cookie(listener->socket.fd));
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
listener_enter_state(struct listener *listener, struct state *state)
{
	listener->state = state;
	listener->state_entry = state_add_listener(state);
	if (!listener->state_entry)
		return false;
	listener->counters = &listener->state_entry->counters;
	listener->events = &listener->state_entry->events;
	return true;
}

/* What was counted is of the listener, whichever socket it had. */
static void
continue_counters(struct listener *listener,
		  const struct state_reader *previous)
{
	struct state_position *p = &listener->state_entry->progress.position[0];
	struct state_listener before;

	if (!state_reader_find_key(previous, listener->key, &before))
		return;
	*listener->counters = before.counters;
	atomic_store(&listener->counters->connections, 0);
	*listener->events = before.events;
	memcpy(p->unnoted, state_position(&before.progress)->unnoted,
	       sizeof p->unnoted);
	p->unnoted_bytes = state_position(&before.progress)->unnoted_bytes;
}

void
listener_continue(struct listener *listener,
		  const struct state_reader *previous)
{
	struct state_listener *entry = listener->state_entry, before;
	struct state_position *p = &entry->progress.position[0];
	uint64_t last = state_reader_last_record(previous, listener->key);

	entry->cookie = state_cookie(listener->socket.fd);
	groups_save(&entry->groups, listener->config);
	snprintf(entry->key, sizeof entry->key, "%s", listener->key);
	continue_counters(listener, previous);
	listener->is_known =
		state_reader_find_listener(previous, entry->cookie, &before);
	if (listener->is_known) {
		*p = *state_position(&before.progress);
		p->read += state_reader_uncounted(&before);
		atomic_store(&entry->messages_turn, p->turn);
	}
	/* Records count by the name, whichever socket that had. */
	p->records = last;
	atomic_store(&entry->last_record, last);
}

/* Bind a socket; false: it is absent, or stderr has another reason. */
static bool
bind_socket(struct listener *listener, unsigned backlog, bool beside)
{
	struct listener_config config = *listener->config;
	const char *action;

	/* A new socket has the port of the one before, also if any will do. */
	if (config.port == 0)
		config.port = ntohs(listener->socket.address.in.sin_port);
	action = sockets_bind(&config, backlog, beside, &listener->socket);
	if (!action)
		return true;
	listener->socket.fd = -1;
	if (!listener->is_absent && !sockets_is_absence(errno))
		return sockets_log_failure(listener->config, action);
	listener->is_absent = true;
	if (listener->absent_since_ms == 0)
		listener->absent_since_ms = clock_now_ms();
	diag_limited(&listener->absent, LOG_WARNING,
		     "listener %s: cannot listen yet: %s; trying again every "
		     "second",
		     listener->name, strerror(errno));
	return false;
}

static void
find_what_may_go(struct listener *listener)
{
	char interface[IF_NAMESIZE];

	listener->may_go =
		listener->config->path ||
		!sockets_get_interface(listener->socket.fd, interface) ||
		interface[0];
}

/* First of all: there is a limit to how many it may be in. */
static void
leave_other_groups(const struct listener *listener,
		   const struct state_reader *previous)
{
	int fd = listener->socket.fd;
	struct state_listener before;

	if (state_reader_find_listener(previous, state_cookie(fd), &before))
		groups_leave_others(fd, listener->config, &before.groups);
}

static bool
adopt_socket(struct listener *listener, unsigned backlog,
	     const struct state_reader *previous)
{
	leave_other_groups(listener, previous);
	return sockets_adopt(listener->socket.fd, listener->config, backlog,
			     &listener->socket);
}

bool
listener_open(struct listener *listener, unsigned backlog, bool beside,
	      struct output_set *outputs, size_t input_size,
	      const struct state_reader *previous)
{
	const struct listener_config *config = listener->config;
	bool is_open = listener->was_passed
			     ? adopt_socket(listener, backlog, previous)
			     : bind_socket(listener, backlog, beside);

	/* Where it fails too: connections of it may have been passed. */
	set_key(listener);
	if (is_open)
		find_what_may_go(listener);
	if (is_open && !listener->was_passed && fdstore_available())
		store_socket(listener);
	listener_continue(listener, previous);
	pool_init(&listener->pool, outputs, config->output_mask,
		  listener->state_entry, input_size, config->limits.max_record);
	if (config->fold_empty)
		listener->pool.fold_mask =
			config->output_mask & output_set_with_notes(outputs);
	listener->rates = rates_new(
		&config->limits, listener->registry->source_prefix_v6,
		listener_is_stream(listener) ? config->limits.max_connections
					     : 0,
		input_size);
	return is_open || listener->is_absent;
}

/* A new socket, of which nothing was read and nothing was dropped. */
bool
listener_bind_again(struct listener *listener, unsigned backlog)
{
	struct state_listener *entry = listener->state_entry;
	bool was_bound = listener->config->path ||
			 listener->socket.address.in.sin_port != 0;

	if (!bind_socket(listener, backlog, false))
		return false;
	listener->is_absent = false;
	/* Threads of its connections read its name, which stays the same. */
	if (!was_bound) {
		set_key(listener);
		snprintf(entry->key, sizeof entry->key, "%s", listener->key);
	}
	find_what_may_go(listener);
	state_next(&entry->progress)->dropped = 0;
	state_publish(&entry->progress);
	entry->cookie = state_cookie(listener->socket.fd);
	listener->is_known = listener->is_counted = listener->was_passed =
		false;
	if (fdstore_available())
		store_socket(listener);
	return true;
}

const char *
listener_store(struct listener *listener, const struct listener_config *config,
	       unsigned backlog, bool beside)
{
	struct bound *socket = &listener->socket;
	const char *action = sockets_bind(config, backlog, beside, socket);

	if (action)
		return action;
	listener->config = config;
	set_key(listener);
	store_socket(listener);
	return NULL;
}

void
listener_stop_listening(const struct listener *listener)
{
	if (listener->is_shared)
		groups_leave(listener->socket.fd, listener->config);
	else if (listener->config->path)
		unix_remove_path(listener->config->path,
				 listener->socket.inode);
	else if (listener_is_stream(listener))
		sockets_block_input(listener->socket.fd);
}

static void
log_path(const struct listener *listener)
{
	const struct listener_config *config = listener->config;
	char mode[16] = "";

	/* Of a socket unit's, systemd has set both. */
	if (!listener->is_shared)
		snprintf(mode, sizeof mode, ", mode %04o", config->mode);
	diag(LOG_INFO, "listener %s: listening on %s %s%s%s%s", listener->name,
	     address_protocol(config->protocol), config->path, mode,
	     *mode && config->group ? ", group " : "",
	     *mode && config->group ? config->group : "");
	if (listener_is_stream(listener) && !fdstore_available())
		diag(LOG_WARNING,
		     "listener %s: to its peers a kill will look like an end "
		     "in order, for no systemd keeps their connections",
		     listener->name);
}

/* ", groups 239.1.2.3, ff15::514"; "": it has none. */
static void
describe_groups(const struct names *groups,
		char text[CONFIG_GROUPS * ADDRESS_TEXT])
{
	size_t used = 0;

	*text = '\0';
	for (size_t i = 0; i < groups->count; i++)
		used += (size_t)sprintf(text + used, "%s%.70s",
					i > 0 ? ", " : ", groups ",
					groups->list[i]);
}

/* "certificate valid until 2027-01-31"; "": it has no TLS. */
static void
describe_tls(const struct listener *listener, char text[TLS_DATES_TEXT])
{
	struct tls_dates dates;

	*text = '\0';
	if (!listener->tls)
		return;
	tls_context_dates(listener->tls, &dates);
	tls_dates_describe(&dates, time(NULL), text);
}

void
listener_log(const struct listener *listener)
{
	const struct bound *socket = &listener->socket;
	unsigned requested = listener->config->limits.receive_buffer;
	const char *interface = listener->config->interface;
	const char *on = interface ? " on " : "";
	char address[ADDRESS_TEXT], groups[CONFIG_GROUPS * ADDRESS_TEXT];
	char tls[TLS_DATES_TEXT];

	if (listener->config->path) {
		log_path(listener);
		return;
	}
	address_format(&socket->address, address);
	interface = interface ? interface : "";
	if (listener->config->protocol == PROTOCOL_TCP) {
		describe_tls(listener, tls);
		diag(LOG_INFO, "listener %s: listening on tcp %s%s%s%s%s",
		     listener->name, address, on, interface,
		     *tls ? ", TLS, " : "", tls);
		return;
	}
	describe_groups(&listener->config->groups, groups);
	diag(LOG_INFO,
	     "listener %s: listening on udp %s%s%s, receive buffer: %u bytes "
	     "asked for, %u granted%s%s",
	     listener->name, address, on, interface, requested,
	     socket->receive_buffer,
	     socket->receive_buffer < requested ? " (net.core.rmem_max is less)"
						: "",
	     groups);
}

unsigned
listener_waiting(const struct listener *listener)
{
	return listener_is_stream(listener)
		     ? sockets_pending(listener->socket.fd)
		     : 0;
}

void
listener_log_counters(const struct listener *listener)
{
	char text[256], waiting[32] = "";

	counters_format(listener->counters, listener->config->protocol, text,
			sizeof text);
	if (listener_is_stream(listener))
		snprintf(waiting, sizeof waiting, " waiting=%u",
			 listener_waiting(listener));
	diag(LOG_INFO, "listener %s: %s%s", listener->name, text, waiting);
}

void
listener_note(struct listener *listener, const char *text)
{
	struct origin origin = {
		.listener = listener->name,
		.run = listener->state->header->run,
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
	batch_add(batch, note);
	batch_emit(batch);
	batch_return(batch);
}

void
listener_close_socket(struct listener *listener, bool for_good)
{
	if (listener->socket.fd < 0)
		return;
	if (for_good && !listener->is_shared) {
		/* systemd may have the socket open a little longer. */
		shutdown(listener->socket.fd, SHUT_RD);
		if (fdstore_available())
			fdstore_remove(listener->store_name);
	}
	close(listener->socket.fd);
	listener->socket.fd = -1;
}

void
listener_close(struct listener *listener)
{
	listener_close_socket(listener, false);
	if (listener->tls)
		tls_context_close(listener->tls);
	pool_destroy(&listener->pool);
	rates_free(listener->rates);
}
