/* SPDX-License-Identifier: MIT */
#include "daemon/restart.h"

#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/program.h"
#include "config/networks.h"
#include "daemon/fd_limit.h"
#include "input/acceptor.h"
#include "input/connection_progress.h"
#include "input/connection_restore.h"
#include "input/connection_thread.h"
#include "input/poller.h"
#include "input/udp.h"

/* Of each process the state and the saved bytes, and the pair of sockets. */
#define OTHERS 6

size_t
restart_fd_count(const struct listeners *ls)
{
	return ls->count + OTHERS;
}

/* Those that have no thread to do this. */
static void
leave_waiting(struct listeners *ls)
{
	for (struct connection *c = ls->waiting; c; c = c->poll_entry.next) {
		connection_progress_save(c);
		registry_leave_open(&ls->registry, &c->entry);
	}
	ls->waiting = NULL;
	for (size_t i = 0; i < ls->count; i++) {
		struct connection *c = acceptor_take_waiting(&ls->list[i]);

		if (c)
			registry_leave_open(&ls->registry, &c->entry);
	}
}

void
restart_begin(struct listeners *ls)
{
	ls->phase = LISTENERS_HANDING_OVER;
	saved_bytes_open(&ls->state.bytes, ls->state.header->generation);
	registry_want_wakeup(&ls->registry, true);
	for (size_t i = 0; i < ls->count; i++)
		if (ls->list[i].udp)
			udp_leave_open(ls->list[i].udp);
	leave_waiting(ls);
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

void
restart_hand_over(struct listeners *ls)
{
	size_t left = registry_send_all(&ls->registry);

	if (left > 0)
		diag(LOG_ERR,
		     "cannot keep %zu connections over the restart: too many "
		     "are in flight",
		     left);
}

static void
free_entry(struct registry_entry *entry, void *unused)
{
	(void)unused;
	connection_free((struct connection *)entry);
}

/* An output that is broken keeps us from saying what the others have. */
void
restart_free(struct listeners *ls)
{
	atomic_store(&ls->state.header->is_at_rest,
		     !output_set_is_broken(ls->outputs, UINT64_MAX));
	registry_take_back(&ls->registry, free_entry, NULL);
}

/* Its thread is started as if it had waited for one. */
static void
start_again(struct registry_entry *entry, void *ls)
{
	listeners_start_later(ls, (struct connection *)entry);
}

bool
restart_take_back(struct listeners *ls)
{
	ls->phase = LISTENERS_SERVING;
	saved_bytes_discard(&ls->state.bytes);
	for (size_t i = 0; i < ls->count; i++) {
		struct listener *l = &ls->list[i];

		if (l->udp)
			udp_join(l->udp);
		if (l->poller)
			poller_stop(l->poller);
		l->udp = NULL;
		l->poller = NULL;
		l->is_known = true;
	}
	registry_take_back(&ls->registry, start_again, ls);
	return listeners_start(ls);
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

/*
 * The configuration may be another one than when it was accepted: what is plain
 * stays so, which does not do any more where TLS is asked for.
 */
static bool
may_talk(const struct listener *listener, const struct connection *c)
{
	const struct address *peer = &c->entry.peer;

	if (listener->tls && c->tls_state == STATE_TLS_NONE)
		return false;
	return networks_has_proxy(listener->config, peer) ||
	       networks_allow(listener->config, peer);
}

/* fd -1: it ended with the process before this one. */
static void
take_over(struct retired *retired, const struct listen_fds *in, int fd,
	  uint64_t message, struct state_connection *entry)
{
	struct listeners *ls = retired->listeners;
	struct state_listener before = { 0 };
	struct listener *listener;
	struct connection *c;
	bool is_retired;

	if (entry->listener < in->previous.listener_count)
		state_reader_listener(&in->previous, entry->listener, &before);
	listener = find_listener(ls, before.key);
	is_retired = !listener;
	if (is_retired)
		listener = retired_find(retired, before.key);
	c = listener ? connection_new(listener) : NULL;
	if (c)
		c->entry.fd = fd;
	if (!c || !connection_restore(
			  c, entry,
			  state_may_be_saved(&entry->progress)
				  ? listen_fds_read_bytes(in, &entry->saved)
				  : NULL)) {
		diag(LOG_ERR, "cannot continue with connection %llu: no memory",
		     (unsigned long long)entry->number);
		return;
	}
	c->entry.flight.message = message;
	registry_add(&ls->registry, &c->entry);
	if (is_retired || !may_talk(listener, c))
		registry_block_input(&ls->registry, &c->entry);
	listeners_start_later(ls, c);
}

/* One that the state does not have, or a second time, has ended. */
static void
take_over_message(struct retired *retired, struct listen_fds *in,
		  const int *fds, size_t count, uint64_t message)
{
	for (size_t i = 0; i < count; i++) {
		struct state_connection entry;

		if (state_reader_take_connection(&in->previous,
						 state_cookie(fds[i]), &entry))
			take_over(retired, in, fds[i], message, &entry);
		else
			close(fds[i]);
	}
}

static void
take_over_inflight(struct listeners *ls, struct retired *retired,
		   struct listen_fds *in)
{
	int fds[INFLIGHT_FDS];
	size_t count;
	bool all = true, received;

	fd_limit_reserve(ls->config);
	while (inflight_peek(&ls->inflight, fds, &count, &received)) {
		take_over_message(retired, in, fds, count,
				  ls->inflight.peeked - 1);
		all = all && received;
	}
	program_raise_fd_limit();
	if (all)
		return;
	diag(LOG_ERR,
	     "cannot continue with all connections: too many open files");
	/* Nobody would read what the others send. */
	registry_send_anew(&ls->registry);
}

/*
 * A listener that is not configured any more may be so again, in the same run:
 * then its records go on being counted.
 */
static void
keep_counts(struct state *state, const struct state_reader *previous)
{
	for (size_t i = 0; i < previous->listener_count; i++) {
		struct state_listener before, *entry;
		uint64_t last;

		state_reader_listener(previous, i, &before);
		last = state_reader_last_record(previous, before.key);
		if (last == 0 || state_find_name(state, before.key))
			continue;
		entry = state_add_listener(state);
		if (!entry)
			return;
		memcpy(entry->key, before.key, sizeof entry->key);
		entry->progress.position[0].records = last;
	}
}

void
restart_take_over(struct listeners *ls, struct retired *retired,
		  struct listen_fds *in)
{
	struct state_connection entry;
	size_t next = 0;
	int fd;

	take_over_inflight(ls, retired, in);
	while ((fd = listen_fds_take_connection(in, &next)) >= 0)
		take_over_message(retired, in, &fd, 1, 0);
	if (!in->previous.data && ls->inflight.count > 0)
		diag(LOG_WARNING, "no state says where the connections stand: "
				  "they are reset");
	/* Of those that were not in flight, what they had in hand is noted. */
	while (state_reader_take_left(&in->previous, &entry))
		take_over(retired, in, -1, 0, &entry);
	if (atomic_load(&ls->state.header->is_at_rest))
		keep_counts(&ls->state, &in->previous);
	registry_send_all(&ls->registry);
	state_store(&ls->state);
}

void
restart_log_waiting(const struct listen_fds *in)
{
	size_t used = atomic_load(&in->previous.header.used), count = 0;
	unsigned long long bytes = 0;

	for (size_t i = 0; i < used; i++) {
		struct state_connection entry;
		const struct state_position *p;

		state_reader_connection(&in->previous, i, &entry);
		if (atomic_load(&entry.use) != STATE_OPEN)
			continue;
		p = state_position(&entry.progress);
		bytes += p->read - p->done;
		count++;
	}
	if (count > 0)
		diag(LOG_WARNING,
		     "%zu connections, with %llu bytes in hand, wait for the "
		     "next start; they end when systemd gives up",
		     count, bytes);
}
