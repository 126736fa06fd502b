/* SPDX-License-Identifier: MIT */
#include "daemon/listeners.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/memory.h"
#include "base/thread.h"
#include "config/defaults.h"
#include "input/acceptor.h"
#include "input/connection_thread.h"
#include "input/listener_log.h"
#include "input/poller.h"
#include "input/udp.h"
#include "record/framer.h"

#define RETRY_MS 1000 /* after a thread that could not start */

/*
 * Places for all that may go on from the process before this one, beside those
 * that the limits allow, and one for each that waits for a thread.
 */
static bool
open_state(struct listeners *ls, const struct listen_fds *in)
{
	const struct state_header *before = &in->previous.header;
	struct state_header *header;

	if (!state_open(&ls->state,
			ls->count + in->count + in->previous.listener_count,
			ls->max_connections + ls->count +
				atomic_load(&before->used),
			in->generation + 1)) {
		diag(LOG_ERR, "cannot start: no memory for the state: %s",
		     strerror(errno));
		return false;
	}
	header = ls->state.header;
	atomic_store(&header->numbers, atomic_load(&before->numbers));
	atomic_store(&header->doubts, atomic_load(&before->doubts));
	atomic_store(&header->is_at_rest,
		     state_reader_take_run(&in->previous, header->run));
	return true;
}

/* The one at this place of the list, and its followers. */
static void
find(struct listeners *ls, size_t place, const struct listener_config *config,
     struct listen_fds *in)
{
	struct listener *first = &ls->list[place];

	for (size_t i = 0; i < config->threads; i++) {
		first[i].registry = &ls->registry;
		if (i > 0)
			listener_follow(&first[i], first);
		listener_enter_state(&first[i], &ls->state);
		listener_find(&first[i], config, in);
	}
	listener_prefer_first(first, &in->previous);
}

bool
listeners_find(struct listeners *ls, const struct config *config,
	       size_t max_connections, struct output_set *outputs, int wake_fd,
	       int handover_fd, struct listen_fds *in)
{
	thread_expect(max_connections);
	*ls = (struct listeners){
		.config = config,
		.outputs = outputs,
		.max_connections = max_connections,
		.wake_fd = wake_fd,
		.count = config_count_sockets(config),
	};
	inflight_open(&ls->inflight, in);
	registry_init(&ls->registry, &ls->inflight, wake_fd, handover_fd,
		      config->source_prefix_v6);
	if (!open_state(ls, in))
		return false;
	ls->list = memory_zeroed(ls->count, sizeof *ls->list);
	for (size_t i = 0, next = 0; i < config->listener_count; i++) {
		find(ls, next, &config->listeners[i], in);
		next += config->listeners[i].threads;
	}
	return true;
}

static bool
open_listener(struct listeners *ls, struct listener *l, bool beside,
	      const struct listen_fds *in)
{
	size_t input = listener_is_stream(l)
			     ? framer_capacity(l->config->limits.max_record)
			     : udp_input_size(l->config);

	/* One sync for all that came while the disk was busy. */
	if (listener_is_stream(l) &&
	    output_set_syncing(ls->outputs, l->config->output_mask) != 0)
		input += IN_HAND_BYTES;
	return listener_open(l, ls->config->backlog, beside, ls->outputs, input,
			     &in->previous);
}

bool
listeners_open(struct listeners *ls, bool beside, const struct listen_fds *in)
{
	bool all = true;

	for (size_t i = 0; i < ls->count; i++)
		all &= open_listener(ls, &ls->list[i], beside, in);
	return all;
}

static bool
start(struct listeners *ls, struct listener *l)
{
	if (listener_is_stream(l)) {
		l->poller = poller_start(l);
		return l->poller;
	}
	if (l->socket.fd < 0)
		return true; /* see rebind.h, and listener_follow() */
	l->udp = udp_start(l, ls->wake_fd);
	return l->udp;
}

bool
listeners_start(struct listeners *ls)
{
	for (size_t i = 0; i < ls->count; i++) {
		if (start(ls, &ls->list[i]))
			continue;
		diag(LOG_ERR, "listener %s: cannot start a thread: %s%s",
		     ls->list[i].name, strerror(errno),
		     errno == EMFILE ? "; raise the limit (ulimit -n, or "
				       "LimitNOFILE= of the unit)"
				     : "");
		return false;
	}
	return true;
}

void
listeners_log(const struct listeners *ls)
{
	for (size_t i = 0; i < ls->count; i++)
		if (!ls->list[i].is_absent)
			listener_log(&ls->list[i]);
}

void
listeners_log_counters(const struct listeners *ls)
{
	for (size_t i = 0; i < ls->count; i++)
		listener_log_counters(&ls->list[i]);
}

bool
listeners_are_alive(struct listeners *ls)
{
	bool alive = true;

	/* Ask each of them: the answer is about the time since the last. */
	for (size_t i = 0; i < ls->count; i++) {
		struct listener *l = &ls->list[i];

		if (l->udp && !udp_is_alive(l->udp))
			alive = false;
		if (l->poller && !poller_is_alive(l->poller))
			alive = false;
	}
	return alive;
}

void
listeners_summarize(struct listeners *ls, char *out, size_t size)
{
	unsigned long long connections = 0, records = 0, lost = 0;
	unsigned waiting = 0;
	int used;

	for (size_t i = 0; i < ls->count; i++) {
		struct listener_counters *c = ls->list[i].counters;

		if (ls->list[i].first)
			continue;
		connections += atomic_load(&c->connections);
		records += atomic_load(&c->records);
		lost += atomic_load(&c->lost);
		if (ls->list[i].at_limit)
			waiting += listener_waiting(&ls->list[i]);
	}
	used = snprintf(out, size,
			"%llu connections, %llu records, %llu datagrams lost",
			connections, records, lost);
	if (waiting > 0)
		snprintf(out + used, size - (size_t)used,
			 ", %u wait because of max_connections", waiting);
}

void
listeners_start_later(struct listeners *ls, struct connection *c)
{
	c->poll_entry.next = ls->waiting;
	ls->waiting = c;
}

static void
start_waiting(struct listeners *ls)
{
	static struct diag_limit limit;

	while (ls->waiting && clock_now_ms() >= ls->start_at_ms) {
		struct connection *c = ls->waiting;
		struct connection *next = c->poll_entry.next;
		int error = connection_start(c);

		if (error == 0) {
			ls->waiting = next;
			continue;
		}
		diag_limited(&limit, LOG_ERR,
			     "cannot continue with a connection: %s; trying "
			     "again every second",
			     strerror(error));
		ls->start_at_ms = clock_now_ms() + RETRY_MS;
	}
}

void
listeners_tend(struct listeners *ls, long long *until_ms)
{
	long long send_ms = registry_send(&ls->registry);

	if (ls->phase != LISTENERS_HANDING_OVER)
		start_waiting(ls);
	if (send_ms < *until_ms)
		*until_ms = send_ms;
	if (ls->waiting && ls->start_at_ms < *until_ms)
		*until_ms = ls->start_at_ms;
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
	}
	for (size_t i = 0; i < ls->count; i++) {
		acceptor_close(&ls->list[i]);
		listener_close(&ls->list[i]);
	}
	free(ls->list);
	registry_destroy(&ls->registry);
	inflight_close(&ls->inflight);
}
