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

/* In the key of a follower, behind all else. */
#define FOLLOWER " #"

static void
set_key(struct listener *listener)
{
	const char *interface = listener->config->interface;
	const char *path = listener->config->path;
	char address[ADDRESS_TEXT] = "", key[FDSTORE_NAME], place[32] = "";

	if (listener->socket.fd < 0 && !path)
		address_parse(&listener->socket.address,
			      strcmp(listener->config->address, "*") == 0
				      ? "::"
				      : listener->config->address,
			      (uint16_t)listener->config->port);
	set_name(listener, ntohs(listener->socket.address.in.sin_port));
	if (!path)
		address_format(&listener->socket.address, address);
	if (listener->first)
		snprintf(place, sizeof place, FOLLOWER "%td",
			 listener - listener->first);
	snprintf(key, sizeof key, "%s %s %s%s%.15s%s", listener->name,
		 address_protocol(listener->config->protocol),
		 path ? path : address, interface ? " " : "",
		 interface ? interface : "", place);
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
	listener->config = listener->first ? &listener->alike : config;
	set_name(listener, config->port);
	listener->socket.fd = listen_fds_take_listener(
		in, config, listener->name, listener->store_name);
	listener->was_passed = listener->socket.fd >= 0;
	listener->is_counted =
		listener->was_passed && sockets_is_counted(listener->socket.fd);
	listener->is_shared = listener->was_passed && !listener->store_name[0];
}

void
listener_follow(struct listener *listener, struct listener *first)
{
	first->followers++;
	listener->first = first;
	listener->alike = *first->config;
	listener->alike.groups = (struct names){ 0 };
}

static bool
was_follower(const struct listener *listener,
	     const struct state_reader *previous)
{
	struct state_listener before;

	return state_reader_find_listener(
		       previous, state_cookie(listener->socket.fd), &before) &&
	       strstr(before.key, FOLLOWER);
}

/* What listener_find() has found. */
static void
swap_sockets(struct listener *a, struct listener *b)
{
	struct listener before = *a;

	a->socket = b->socket;
	memcpy(a->store_name, b->store_name, sizeof a->store_name);
	a->is_counted = b->is_counted;
	a->is_shared = b->is_shared;
	b->socket = before.socket;
	memcpy(b->store_name, before.store_name, sizeof b->store_name);
	b->is_counted = before.is_counted;
	b->is_shared = before.is_shared;
}

void
listener_prefer_first(struct listener *listener,
		      const struct state_reader *previous)
{
	if (!was_follower(listener, previous))
		return;
	for (size_t i = 1; i <= listener->followers; i++)
		if (listener[i].was_passed &&
		    !was_follower(&listener[i], previous)) {
			swap_sockets(listener, &listener[i]);
			return;
		}
}

bool
listener_enter_state(struct listener *listener, struct state *state)
{
	listener->state = state;
	listener->state_entry = state_add_listener(state);
	if (!listener->state_entry)
		return false;
	listener->counters = listener->first ? listener->first->counters
					     : &listener->state_entry->counters;
	listener->events = listener->first ? listener->first->events
					   : &listener->state_entry->events;
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
	if (!listener->first) {
		*listener->counters = before.counters;
		atomic_store(&listener->counters->connections, 0);
		*listener->events = before.events;
	}
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

/*
 * Beside the first.  One that a socket unit owns, or at a low port, only its
 * owner could share: then it stays without.
 */
static bool
bind_follower(struct listener *listener, unsigned backlog)
{
	const struct listener *first = listener->first;
	struct listener_config config = *listener->config;
	const char *action = NULL;

	listener->is_absent = first->is_absent;
	listener->absent_since_ms = first->absent_since_ms;
	if (first->is_absent)
		return false;
	config.port = ntohs(first->socket.address.in.sin_port);
	errno = EPERM;
	if (!first->is_shared)
		action =
			sockets_bind(&config, backlog, true, &listener->socket);
	if (!action && !first->is_shared)
		return true;
	listener->socket.fd = -1;
	listener->may_go = false;
	listener->is_absent = sockets_is_absence(errno);
	if (!listener->is_absent)
		diag(LOG_WARNING,
		     "listener %s: no socket for its thread %td of %u: %s; see "
		     "\"threads\" in portlogd.conf(5)",
		     listener->name, listener - first + 1, config.threads,
		     strerror(errno));
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
		     : listener->first ? bind_follower(listener, backlog)
				       : bind_socket(listener, backlog, beside);

	/* Where it fails too: connections of it may have been passed. */
	set_key(listener);
	if (is_open)
		find_what_may_go(listener);
	if (is_open && !listener->was_passed && fdstore_available())
		store_socket(listener);
	listener_continue(listener, previous);
	pool_init(&listener->pool, outputs, config->output_mask,
		  listener_first(listener)->state_entry, input_size,
		  config->limits.max_record);
	if (config->fold_empty)
		listener->pool.fold_mask =
			config->output_mask & output_set_with_notes(outputs);
	listener->rates =
		listener->first
			? listener->first->rates
			: rates_new(&config->limits,
				    listener->registry->source_prefix_v6,
				    listener_is_stream(listener)
					    ? config->limits.max_connections
					    : 0,
				    input_size);
	return is_open || listener->is_absent ||
	       (listener->first && !listener->was_passed);
}

/* A new socket, of which nothing was read and nothing was dropped. */
bool
listener_bind_again(struct listener *listener, unsigned backlog)
{
	struct state_listener *entry = listener->state_entry;
	bool was_bound = listener->config->path ||
			 listener->socket.address.in.sin_port != 0;

	if (listener->first
		    ? !bind_follower(listener, backlog)
		    : !bind_socket(listener, backlog, listener->followers > 0))
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

size_t
listener_threads(const struct listener *listener)
{
	size_t count = 0;

	for (size_t i = 0; i <= listener->followers; i++)
		count += listener[i].socket.fd >= 0;
	return count;
}

unsigned
listener_waiting(const struct listener *listener)
{
	return listener_is_stream(listener)
		     ? sockets_pending(listener->socket.fd)
		     : 0;
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
	if (!listener->first)
		rates_free(listener->rates);
}
