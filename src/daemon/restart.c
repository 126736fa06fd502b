/* SPDX-License-Identifier: MIT */
#include "daemon/restart.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/thread.h"
#include "input/acceptor.h"
#include "input/connection_restore.h"
#include "input/connection_thread.h"
#include "input/udp.h"
#include "system/fdstore.h"

size_t
restart_fd_count(struct listeners *ls)
{
	/* Each listener, one that waits there for a thread, and the state. */
	return registry_count(&ls->registry) + 2 * ls->count + 1;
}

void
restart_begin(struct listeners *ls)
{
	ls->phase = LISTENERS_HANDING_OVER;
	registry_want_wakeup(&ls->registry, true);
	for (size_t i = 0; i < ls->count; i++)
		if (ls->list[i].udp)
			udp_leave_open(ls->list[i].udp);
	registry_hand_over(&ls->registry);
}

bool
restart_is_ready(struct listeners *ls, struct retired *retired)
{
	for (size_t i = 0; i < ls->count; i++)
		if (ls->list[i].udp && !udp_is_done(ls->list[i].udp))
			return false;
	return retired_are_done(retired) &&
	       registry_is_handed_over(&ls->registry) &&
	       listeners_finish_summaries(ls);
}

/* A connection that waits for a thread: only its descriptor is to be kept. */
static void
store_next(struct listener *l)
{
	char name[FDSTORE_NAME];

	if (!acceptor_holds_one(l))
		return;
	listen_fds_connection_name(name, l->next->origin.connection, l->key);
	fdstore_add(l->next->entry.fd, name);
}

static void
collect(struct listeners *ls, struct buffer *buffer)
{
	struct registry_entry *entry;

	saved_state_begin(buffer, atomic_load(&ls->last_connection));
	for (size_t i = 0; i < ls->count; i++) {
		struct listener *l = &ls->list[i];
		struct saved_listener saved;

		listener_save(l, &saved);
		if (l->udp)
			udp_save(l->udp, &saved);
		else
			store_next(l);
		saved_state_add_listener(buffer, &saved);
	}
	while ((entry = registry_take(&ls->registry)))
		connection_save((struct connection *)entry, buffer);
}

void
restart_hand_over(struct listeners *ls)
{
	struct buffer state = { 0 };
	int fd;

	collect(ls, &state);
	fd = memfd_create("portlogd", MFD_CLOEXEC);
	if (fd >= 0 && write(fd, state.data, state.size) == (ssize_t)state.size)
		fdstore_add(fd, LISTEN_FDS_STATE);
	else
		diag(LOG_ERR, "cannot keep unfinished records: %s",
		     strerror(errno));
	fdstore_barrier();
	if (fd >= 0)
		close(fd);
	buffer_free(&state);
}

/* The listener of that key; NULL: it is not configured any more. */
static struct listener *
find_listener(struct listeners *ls, const char *key)
{
	for (size_t i = 0; i < ls->count; i++)
		if (strcmp(ls->list[i].key, key) == 0)
			return &ls->list[i];
	return NULL;
}

static void
start(struct connection *c)
{
	static struct diag_limit limit;
	int error;

	while ((error = thread_start(NULL, connection_main, c)) != 0) {
		diag_limited(&limit, LOG_ERR,
			     "cannot go on with a connection: %s; trying "
			     "again every second",
			     strerror(error));
		clock_sleep_ms(1000);
	}
}

/* A peer that has gone meanwhile is known from the saved state alone. */
static void
find_peer(int fd, const struct saved_connection *saved, struct address *peer)
{
	peer->size = sizeof peer->in6;
	if (getpeername(fd, &peer->any, &peer->size) == 0)
		return;
	memcpy(&peer->in6, saved->peer, sizeof saved->peer);
	peer->size = saved->peer_size;
	if (peer->size == 0)
		address_parse(peer, "::", 0);
}

static void
take_over(struct listeners *ls, struct retired *retired, int fd,
	  uint64_t number, const char *key,
	  const struct saved_connection *saved, const unsigned char *held)
{
	struct listener *listener = find_listener(ls, key);
	bool is_retired = !listener;
	struct connection *c;

	if (is_retired)
		listener = retired_find(retired, key);
	while (!(c = connection_new(listener)))
		sleep(1);
	find_peer(fd, saved, &c->entry.peer);
	c->entry.fd = fd;
	connection_accepted(c, number);
	connection_restore(c, saved, held);
	registry_add(&ls->registry, &c->entry);
	if (is_retired)
		registry_block_input(&ls->registry, &c->entry);
	start(c);
}

void
restart_take_over(struct listeners *ls, struct retired *retired,
		  struct listen_fds *in)
{
	uint64_t number;
	char key[FDSTORE_NAME];
	int fd;

	while ((fd = listen_fds_take_connection(in, &number, key)) >= 0) {
		struct saved_connection saved;
		const unsigned char *held;

		listen_fds_connection_state(in, number, &saved, &held);
		take_over(ls, retired, fd, number, key, &saved, held);
	}
	registry_shut_down_blocked(&ls->registry);
}
