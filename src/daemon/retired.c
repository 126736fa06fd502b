/* SPDX-License-Identifier: MIT */
#include "daemon/retired.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/memory.h"
#include "input/connection_progress.h"
#include "input/connection_thread.h"
#include "input/udp.h"
#include "record/framer.h"
#include "system/fdstore.h"
#include "system/socket_match.h"
#include "system/socket_peer.h"
#include "system/sockets_input.h"
#include "system/unix_sockets.h"

struct retired_listener {
	struct retired_listener *next;
	struct listener listener; /* udp NULL: TCP, or read to its end */
	struct listener_config config;
};

/* How its datagrams were framed is unknown: keep every byte. */
static void
configure(struct listener_config *config, const struct listeners *ls,
	  enum protocol protocol)
{
	*config = (struct listener_config){
		.protocol = protocol,
		.framing = protocol_is_stream(protocol) ? FRAMING_LINE
							: FRAMING_EXACT,
		.output_mask = UINT64_MAX,
		.limits = ls->list[0].config->limits,
	};
	if (!protocol_is_unix(protocol))
		config->peer_names = &ls->config->peer_names;
}

/* first: not NULL where it is one of the threads that this had before. */
static struct listener *
make(struct retired *retired, const char *key, enum protocol protocol,
     struct listener *first)
{
	struct listeners *ls = retired->listeners;
	struct retired_listener *r = memory_zeroed(1, sizeof *r);
	struct listener *l = &r->listener;
	bool is_stream = protocol_is_stream(protocol);

	l->first = first;
	if (!listener_enter_state(l, &ls->state)) {
		free(r);
		return NULL;
	}
	r->next = retired->first;
	retired->first = r;
	configure(&r->config, ls, protocol);
	if (first) {
		r->config = *first->config;
		r->config.groups = (struct names){ 0 };
	}
	l->config = &r->config;
	l->socket.fd = -1;
	l->registry = &ls->registry;
	snprintf(l->key, sizeof l->key, "%s", key);
	snprintf(l->name, sizeof l->name, "%.*s", (int)strcspn(key, " "), key);
	snprintf(l->state_entry->key, sizeof l->state_entry->key, "%s", key);
	pool_init(&l->pool, ls->outputs, r->config.output_mask,
		  listener_first(l)->state_entry,
		  is_stream ? framer_capacity(r->config.limits.max_record)
			    : udp_input_size(&r->config),
		  r->config.limits.max_record);
	return l;
}

struct listener *
retired_find(struct retired *retired, const char *key)
{
	struct retired_listener *r = retired->first;

	while (r && strcmp(r->listener.key, key) != 0)
		r = r->next;
	return r ? &r->listener : make(retired, key, PROTOCOL_TCP, NULL);
}

static bool
accept_one(struct listeners *ls, struct listener *listener)
{
	struct connection *c = connection_new(listener);
	struct registry_entry *entry = c ? &c->entry : NULL;

	if (!c)
		return false;
	entry->fd = sockets_accept(listener->socket.fd, &entry->peer);
	connection_accepted(c, atomic_fetch_add(&ls->state.header->numbers, 1) +
				       1);
	if (entry->fd < 0 || !connection_progress_begin(c, NULL)) {
		connection_free(c);
		return false;
	}
	registry_add(&ls->registry, entry);
	registry_block_input(&ls->registry, entry);
	listeners_start_later(ls, c);
	return true;
}

/*
 * A peer that waits to be accepted may have sent something, and the kernel has
 * acknowledged it: accept it, as if the process before us had.
 */
static void
accept_waiting(struct listeners *ls, struct listener *l)
{
	unsigned waiting;

	while ((waiting = sockets_pending(l->socket.fd)) > 0) {
		if (!accept_one(ls, l)) {
			diag(LOG_ERR,
			     "abandoned: %s: %u connections waiting: %s",
			     l->key, waiting, strerror(errno));
			break;
		}
	}
}

static void
retire(struct retired *retired, int fd, const char *key, const char *name,
       struct listener *first, const struct state_reader *previous)
{
	enum protocol protocol = sockets_protocol(fd);
	struct listener *l = make(retired, key, protocol, first);

	if (!l)
		return;
	if (protocol_is_unix(protocol)) {
		char path[CONFIG_UNIX_PATH];

		unix_get_path(fd, path);
		retired->first->config.path = memory_copy(path);
		l->socket.inode = unix_inode(path);
	}
	l->socket.fd = fd;
	l->was_passed = true;
	l->is_counted = sockets_is_counted(fd);
	snprintf(l->store_name, sizeof l->store_name, "%s", name);
	listener_continue(l, previous);
	listener_stop_listening(l);
}

/* As the process before this one called it. */
static void
find_key(const struct listen_fds *in, int fd, const char *bound,
	 char key[FDSTORE_NAME])
{
	struct state_listener before;

	snprintf(key, FDSTORE_NAME, "%s",
		 state_reader_find_listener(&in->previous, state_cookie(fd),
					    &before)
			 ? before.key
			 : bound);
}

/* Such as "udp/8888 [::]:8888". */
static void
describe(int fd, char text[FDSTORE_NAME])
{
	enum protocol protocol = sockets_protocol(fd);
	struct address bound = { .size = sizeof bound.in6 };
	char address[ADDRESS_TEXT];

	if (protocol_is_unix(protocol)) {
		char path[CONFIG_UNIX_PATH];

		unix_get_path(fd, path);
		snprintf(text, FDSTORE_NAME, "%s %s",
			 address_protocol(protocol), path);
		return;
	}
	getsockname(fd, &bound.any, &bound.size);
	address_format(&bound, address);
	snprintf(text, FDSTORE_NAME, "%s/%u %s", address_protocol(protocol),
		 ntohs(bound.in.sin_port), address);
}

/* The listener that has fewer threads than before; NULL: there is none. */
static struct listener *
find_first(struct listeners *ls, int fd)
{
	for (size_t i = 0; i < ls->count; i++)
		if (!listener_is_stream(&ls->list[i]) && !ls->list[i].first &&
		    !ls->list[i].config->path &&
		    sockets_match(fd, ls->list[i].config))
			return &ls->list[i];
	return NULL;
}

void
retired_open(struct retired *retired, struct listeners *ls,
	     struct listen_fds *in)
{
	char key[FDSTORE_NAME], name[FDSTORE_NAME], bound[FDSTORE_NAME];
	int fd;

	*retired = (struct retired){ .listeners = ls };
	while ((fd = listen_fds_take_unwanted(in, name)) >= 0) {
		struct listener *first = find_first(ls, fd);

		describe(fd, bound);
		find_key(in, fd, bound, key);
		sockets_share_port(fd);
		diag(LOG_WARNING, "%s %s: closed", bound,
		     first ? "has fewer threads than before"
			   : "is not configured any more");
		retire(retired, fd, key, name, first, &in->previous);
	}
}

/* Its thread leaves the port. */
static bool
start_udp(struct listeners *ls, struct listener *l)
{
	l->udp = udp_start(l, ls->wake_fd);
	if (!l->udp) {
		diag(LOG_ERR, "cannot start a thread: %s", strerror(errno));
		return false;
	}
	udp_stop(l->udp);
	return true;
}

bool
retired_start(struct retired *retired)
{
	struct listeners *ls = retired->listeners;

	if (retired->first)
		sockets_wait_for_inflight();
	for (struct retired_listener *r = retired->first; r; r = r->next) {
		struct listener *l = &r->listener;

		if (l->socket.fd < 0)
			continue;
		if (!listener_is_stream(l)) {
			if (!start_udp(ls, l))
				return false;
			continue;
		}
		accept_waiting(ls, l);
		listener_close_socket(l, true);
	}
	registry_shut_down_blocked(&ls->registry);
	return true;
}

bool
retired_are_done(struct retired *retired)
{
	bool done = true;

	for (struct retired_listener *r = retired->first; r; r = r->next) {
		struct listener *l = &r->listener;

		if (!l->udp)
			continue;
		if (!udp_is_done(l->udp)) {
			done = false;
			continue;
		}
		udp_join(l->udp);
		l->udp = NULL;
		listener_close_socket(l, true);
	}
	return done;
}

void
retired_log_abandoned(struct retired *retired)
{
	for (struct retired_listener *r = retired->first; r; r = r->next)
		if (r->listener.udp && !udp_is_done(r->listener.udp))
			udp_log_abandoned(r->listener.udp);
}

void
retired_close(struct retired *retired)
{
	while (retired->first) {
		struct retired_listener *r = retired->first;

		retired->first = r->next;
		listener_close(&r->listener);
		free(r->config.path);
		free(r);
	}
}
