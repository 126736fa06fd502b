/* SPDX-License-Identifier: MIT */
#include "daemon/drain.h"

#include "base/clock.h"
#include "base/diag.h"
#include "daemon/listeners_accept.h"
#include "input/acceptor.h"
#include "input/poller.h"
#include "input/registry_view.h"
#include "input/udp.h"

void
drain_begin(struct listeners *ls)
{
	ls->phase = LISTENERS_DRAINING;
	/* The loop waits for the last connection to end. */
	registry_want_wakeup(&ls->registry, true);
	for (size_t i = 0; i < ls->count; i++) {
		listener_stop_listening(&ls->list[i]);
		if (ls->list[i].udp)
			udp_stop(ls->list[i].udp);
	}
	registry_stop_all(&ls->registry);
}

/* Accept the peers that have connected; then close the socket. */
static void
drain_tcp(struct listeners *ls, struct listener *l)
{
	long long now_ms = clock_now_ms();
	bool all = false;

	if (l->socket.fd < 0)
		return;
	/*
	 * All of them now, so that they are shut down together; but peers of
	 * a socket that others share may connect without end.
	 */
	while (!listener_is_backing_off(l, now_ms) &&
	       !(all = listeners_accept_all(ls, l)) && !l->at_limit &&
	       !l->is_shared)
		;
	if (all || acceptor_nobody_waits(l))
		listener_close_socket(l, true);
}

/* Close it: blocked, it would go on dropping datagrams without a count. */
static void
drain_udp(struct listener *l)
{
	if (!l->is_shared && (!l->udp || udp_is_done(l->udp)))
		listener_close_socket(l, true);
}

/* Whether no thread receives any more, so that none counts any more. */
static bool
all_is_received(struct listeners *ls, struct retired *retired)
{
	for (size_t i = 0; i < ls->count; i++) {
		const struct listener *l = &ls->list[i];

		if (listener_is_stream(l) || !l->is_shared
			    ? l->socket.fd >= 0
			    : !udp_is_done(l->udp))
			return false;
	}
	return retired_are_done(retired) && registry_count(&ls->registry) == 0;
}

bool
drain_is_done(struct listeners *ls, struct retired *retired)
{
	for (size_t i = 0; i < ls->count; i++) {
		struct listener *l = &ls->list[i];

		if (listener_is_stream(l))
			drain_tcp(ls, l);
		else
			drain_udp(l);
	}
	registry_shut_down_blocked(&ls->registry);
	return all_is_received(ls, retired) && listeners_finish_summaries(ls);
}

static void
log_waiting(struct listener *l)
{
	unsigned long long unread = 0;
	unsigned count = acceptor_abandon(l, &unread);

	if (count > 0)
		diag(LOG_ERR,
		     "abandoned: listener %s: %u connections waiting, %llu "
		     "bytes unread",
		     l->name, count, unread);
}

static void
log_connections(struct listeners *ls, bool goes_on)
{
	size_t count = registry_count(&ls->registry);
	unsigned long long unread, held;

	if (count == 0)
		return;
	unread = registry_count_unread(&ls->registry, &held);
	diag(LOG_ERR,
	     "abandoned: %zu connections, %llu bytes unread, %llu "
	     "read and not yet records",
	     count, goes_on ? 0 : unread, held);
}

void
drain_log_unread(struct listeners *ls, struct retired *retired)
{
	/* The next process goes on with the sockets and reads all. */
	bool goes_on = ls->phase == LISTENERS_HANDING_OVER;

	log_connections(ls, goes_on);
	for (size_t i = 0; i < ls->count; i++) {
		struct listener *l = &ls->list[i];

		if (goes_on || l->is_shared)
			continue;
		if (l->udp && !udp_is_done(l->udp))
			udp_log_abandoned(l->udp);
		if (listener_is_stream(l) && l->socket.fd >= 0)
			log_waiting(l);
	}
	if (goes_on)
		return;
	retired_log_abandoned(retired);
	for (size_t i = 0; i < ls->count; i++)
		if (ls->list[i].poller)
			poller_log_unwritten(ls->list[i].poller);
}
