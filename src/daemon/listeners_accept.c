/* SPDX-License-Identifier: MIT */
#include "daemon/listeners_accept.h"

#include "base/clock.h"
#include "base/diag.h"
#include "input/acceptor.h"
#include "input/registry_view.h"

/* Connections accepted in a row: then signals are read again. */
#define ACCEPTS 64

#define RETRY_MS 1000 /* after an accept(2) that has failed */

/* How often to look who waits at a limit, and to log it. */
#define LOOK_MS 1000
#define LOG_FULL_MS 60000

static bool
is_full(struct listeners *ls, const struct listener *l)
{
	return registry_has(&ls->registry, ls->max_connections) ||
	       atomic_load(&l->counters->connections) >=
		       l->config->limits.max_connections;
}

/* How many of its listener, or of all, have half of the places; 0: none has. */
static size_t
unadmitted(const struct listeners *ls, const struct listener *l)
{
	size_t own = atomic_load(&l->unadmitted), all = 0;

	for (size_t i = 0; i < ls->count; i++)
		all += atomic_load(&ls->list[i].unadmitted);
	if (own >= (l->config->limits.max_connections + 1) / 2)
		return own;
	return all >= (ls->max_connections + 1) / 2 ? all : 0;
}

/*
 * Whether it may accept one more; if not, its peers wait in its queue.  Those
 * who are silent where they are to be admitted leave half of the places.
 */
static bool
has_room(struct listeners *ls, struct listener *l)
{
	return !is_full(ls, l) && ((l->config->proxies.count == 0 && !l->tls) ||
				   unadmitted(ls, l) == 0);
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

static void
log_full(struct listeners *ls, const struct listener *l, unsigned waiting)
{
	bool is_own = !registry_has(&ls->registry, ls->max_connections);
	struct address source = { 0 };
	char host[ADDRESS_TEXT];
	size_t largest;

	if (!is_full(ls, l)) {
		diag(LOG_WARNING,
		     "listener %s: %zu connections are not admitted yet, half "
		     "of max_connections; %u more wait",
		     l->name, unadmitted(ls, l), waiting);
		return;
	}
	largest = registry_largest_source(
		&ls->registry, is_own ? &l->counters->connections : NULL,
		&source);

	address_format_source(&source, ls->config->source_prefix_v6, host);
	diag(LOG_WARNING,
	     "listener %s: %smax_connections is reached: %zu connections, %zu "
	     "of them from %s; %u more wait",
	     l->name, is_own ? "" : "limits.",
	     is_own ? l->config->limits.max_connections : ls->max_connections,
	     largest, host, waiting);
}

/* Whoever waits at a limit is no event: look every second. */
static void
look_who_waits(struct listeners *ls, struct listener *l, long long now_ms,
	       long long *until_ms)
{
	if (now_ms >= l->look_ms) {
		unsigned waiting = listener_waiting(l);

		if (waiting > 0)
			log_full(ls, l, waiting);
		l->look_ms = now_ms + (waiting > 0 ? LOG_FULL_MS : LOOK_MS);
	}
	if (l->look_ms < *until_ms)
		*until_ms = l->look_ms;
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
		if (l->at_limit)
			look_who_waits(ls, l, now_ms, until_ms);
		if (backing_off && l->retry_at_ms < *until_ms)
			*until_ms = l->retry_at_ms;
		if (listener_is_stream(l) && !backing_off && !l->at_limit &&
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
