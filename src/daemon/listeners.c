/* SPDX-License-Identifier: MIT */
#include "daemon/listeners.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/memory.h"
#include "input/acceptor.h"
#include "input/poller.h"
#include "input/udp.h"
#include "record/framer.h"

/* Connections accepted in one turn: then signals are read again. */
#define ACCEPTS 64
#define RETRY_MS 1000

/* A number is the key of a ledger entry: never use one twice. */
static uint64_t
find_last_connection(const struct ledger *ledger, const struct listen_fds *in)
{
	uint64_t last = ledger_last_number(ledger);
	uint64_t passed = listen_fds_last_number(in);

	return last > passed ? last : passed;
}

void
listeners_find(struct listeners *ls, const struct config *config,
	       size_t max_connections, struct output_set *outputs, int wake_fd,
	       int handover_fd, struct listen_fds *in)
{
	*ls = (struct listeners){
		.config = config,
		.outputs = outputs,
		.max_connections = max_connections,
		.wake_fd = wake_fd,
		.count = config->listener_count,
	};
	registry_init(&ls->registry, wake_fd, handover_fd);
	ledger_open(&ls->ledger, in);
	atomic_store(&ls->last_connection,
		     find_last_connection(&ls->ledger, in));
	ls->list = memory_zeroed(ls->count, sizeof *ls->list);
	for (size_t i = 0; i < ls->count; i++) {
		struct listener *l = &ls->list[i];

		l->registry = &ls->registry;
		l->ledger = &ls->ledger;
		l->last_connection = &ls->last_connection;
		listener_find(l, &config->listeners[i], in);
	}
}

static bool
open_listener(struct listeners *ls, struct listener *l, bool beside,
	      const struct listen_fds *in)
{
	size_t input = listener_is_tcp(l)
			     ? framer_capacity(l->config->limits.max_record)
			     : udp_input_size(l->config);
	struct saved_listener saved;

	if (!listener_open(l, ls->config->backlog, beside, ls->outputs, input))
		return false;
	/* Before a thread counts on. */
	if (listen_fds_listener_state(in, l->key, &saved))
		listener_restore(l, &saved);
	return true;
}

bool
listeners_open(struct listeners *ls, bool beside, const struct listen_fds *in)
{
	for (size_t i = 0; i < ls->count; i++)
		if (!open_listener(ls, &ls->list[i], beside, in))
			return false;
	return true;
}

static bool
start(struct listeners *ls, struct listener *l, const struct listen_fds *in)
{
	struct saved_listener saved;
	bool is_known;

	if (listener_is_tcp(l)) {
		l->poller = poller_start(l);
		return l->poller;
	}
	is_known = listen_fds_listener_state(in, l->key, &saved);
	/* Of a new socket all drops are to be reported: from 0 on. */
	l->udp = udp_start(l, ls->wake_fd,
			   is_known || !l->is_counted ? &saved : NULL);
	return l->udp;
}

bool
listeners_start(struct listeners *ls, const struct listen_fds *in)
{
	for (size_t i = 0; i < ls->count; i++) {
		if (start(ls, &ls->list[i], in))
			continue;
		diag(LOG_ERR, "cannot start a thread: %s", strerror(errno));
		return false;
	}
	return true;
}

void
listeners_log(const struct listeners *ls)
{
	for (size_t i = 0; i < ls->count; i++)
		listener_log(&ls->list[i]);
}

void
listeners_log_counters(const struct listeners *ls)
{
	for (size_t i = 0; i < ls->count; i++)
		listener_log_counters(&ls->list[i]);
}

/* Whether it may accept one more; if not, its peers wait in its queue. */
static bool
has_room(struct listeners *ls, struct listener *l)
{
	return registry_count(&ls->registry) < ls->max_connections &&
	       atomic_load(&l->counters.connections) <
		       l->config->limits.max_connections;
}

bool
listeners_are_alive(struct listeners *ls)
{
	bool alive = true;

	/* Ask each of them: the answer is about the time since the last. */
	for (size_t i = 0; i < ls->count; i++) {
		struct listener *l = &ls->list[i];

		if (l->udp ? !udp_is_alive(l->udp)
			   : !poller_is_alive(l->poller))
			alive = false;
	}
	return alive;
}

void
listeners_summarize(struct listeners *ls, char *out, size_t size)
{
	unsigned long long connections = 0, records = 0, lost = 0;

	for (size_t i = 0; i < ls->count; i++) {
		struct listener_counters *c = &ls->list[i].counters;

		connections += atomic_load(&c->connections);
		records += atomic_load(&c->records);
		lost += atomic_load(&c->lost);
	}
	snprintf(out, size,
		 "%llu connections, %llu records, %llu datagrams lost",
		 connections, records, lost);
}

bool
listeners_accept_all(struct listeners *ls, struct listener *l)
{
	for (int i = 0; i < ACCEPTS; i++) {
		l->at_limit = !has_room(ls, l);
		if (l->at_limit)
			return false;
		switch (acceptor_accept(l)) {
		case ACCEPT_OK:
			break;
		case ACCEPT_NONE:
			return true;
		case ACCEPT_RETRY:
			l->retry_at_ms = clock_now_ms() + RETRY_MS;
			return false;
		}
	}
	return false;
}

/*
 * Ask for a wakeup before the count is looked at again, so that no connection
 * ends unseen in between.
 */
static void
look_for_room(struct listeners *ls)
{
	bool any_at_limit = false;

	for (size_t i = 0; i < ls->count; i++)
		any_at_limit |= ls->list[i].at_limit;
	registry_want_wakeup(&ls->registry,
			     any_at_limit || ls->phase != LISTENERS_SERVING);
	for (size_t i = 0; any_at_limit && i < ls->count; i++)
		if (ls->list[i].at_limit)
			ls->list[i].at_limit = !has_room(ls, &ls->list[i]);
}

/* A connection that waits for a thread: the kernel has no event for it. */
static bool
is_due(const struct listener *l, long long now_ms)
{
	return acceptor_holds_one(l) && !l->at_limit &&
	       !listener_is_backing_off(l, now_ms);
}

void
listeners_poll(struct listeners *ls, struct pollfd *polled, long long *until_ms)
{
	long long now_ms = clock_now_ms();

	look_for_room(ls);
	for (size_t i = 0; i < ls->count; i++) {
		struct listener *l = &ls->list[i];
		bool backing_off = listener_is_backing_off(l, now_ms);

		polled[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
		if (is_due(l, now_ms))
			*until_ms = now_ms;
		if (backing_off && l->retry_at_ms < *until_ms)
			*until_ms = l->retry_at_ms;
		if (listener_is_tcp(l) && !backing_off && !l->at_limit &&
		    ls->phase != LISTENERS_HANDING_OVER)
			polled[i].fd = l->socket.fd;
	}
}

void
listeners_accept(struct listeners *ls, const struct pollfd *polled)
{
	long long now_ms = clock_now_ms();

	for (size_t i = 0; i < ls->count; i++)
		if (polled[i].revents || is_due(&ls->list[i], now_ms))
			listeners_accept_all(ls, &ls->list[i]);
}

bool
listeners_finish_summaries(struct listeners *ls)
{
	bool finished = true;

	for (size_t i = 0; i < ls->count; i++) {
		struct poller *poller = ls->list[i].poller;

		if (!poller)
			continue;
		poller_finish(poller);
		finished = finished && poller_is_finished(poller);
	}
	return finished;
}

void
listeners_close(struct listeners *ls)
{
	for (size_t i = 0; i < ls->count; i++) {
		struct listener *l = &ls->list[i];

		if (l->udp)
			udp_join(l->udp);
		if (l->poller)
			poller_stop(l->poller);
		acceptor_close(l);
		listener_close(l);
	}
	free(ls->list);
	registry_destroy(&ls->registry);
	ledger_close(&ls->ledger);
}
