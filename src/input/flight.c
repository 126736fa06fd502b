/* SPDX-License-Identifier: MIT */
#include "input/flight.h"

#include <limits.h>

#include "base/clock.h"
#include "base/diag.h"

/* When a connection goes into flight: most have ended by then. */
#define SEND_AFTER_MS 1000

void
flight_init(struct flight *flight, struct inflight *inflight)
{
	*flight = (struct flight){ .inflight = inflight };
	flight->sent.end = &flight->sent.first;
	flight->young.end = &flight->young.first;
}

static struct flight_list *
list_of(struct flight *flight, const struct flight_entry *entry)
{
	return entry->message ? &flight->sent : &flight->young;
}

static void
append(struct flight *flight, struct flight_entry *entry)
{
	struct flight_list *list = list_of(flight, entry);

	entry->next = NULL;
	entry->link = list->end;
	*list->end = entry;
	list->end = &entry->next;
	flight->sent_count += entry->message > 0;
}

void
flight_add(struct flight *flight, struct flight_entry *entry, int fd)
{
	entry->fd = fd;
	entry->added_ms = clock_now_ms();
	if (fd >= 0)
		append(flight, entry);
}

void
flight_remove(struct flight *flight, struct flight_entry *entry)
{
	if (entry->fd < 0)
		return;
	*entry->link = entry->next;
	if (entry->next)
		entry->next->link = entry->link;
	else
		list_of(flight, entry)->end = entry->link;
	flight->sent_count -= entry->message > 0;
}

bool
flight_is_sparse(const struct flight *flight)
{
	return inflight_is_sparse(flight->inflight, flight->sent_count);
}

static void
move(struct flight *flight, struct flight_entry *entry, uint64_t message)
{
	flight_remove(flight, entry);
	entry->message = message;
	append(flight, entry);
}

/* Send the first of a list, as many as one message takes. */
static bool
send_first(struct flight *flight, struct flight_list *list, long long until_ms)
{
	uint64_t message = flight->inflight->next;
	int fds[INFLIGHT_FDS];
	size_t count = 0;

	for (const struct flight_entry *entry = list->first;
	     entry && count < INFLIGHT_FDS && entry->added_ms <= until_ms &&
	     entry->message < message;
	     entry = entry->next)
		fds[count++] = entry->fd;
	if (count == 0 || !inflight_send(flight->inflight, fds, count))
		return false;
	while (count-- > 0)
		move(flight, list->first, message);
	return true;
}

/* Drop the messages at the beginning that have no connection any more. */
static void
drop_stale(struct flight *flight)
{
	const struct flight_entry *oldest = flight->sent.first;

	inflight_drop(flight->inflight,
		      oldest ? oldest->message : flight->inflight->next);
}

/* Send what is left of the oldest messages again, so that they can go. */
static void
gather(struct flight *flight)
{
	uint64_t end = flight->inflight->next;

	drop_stale(flight);
	while (flight->inflight->first < end && flight_is_sparse(flight) &&
	       send_first(flight, &flight->sent, LLONG_MAX))
		drop_stale(flight);
}

/*
 * Without room for both, drop the oldest messages first, as many as one can
 * have the connections of.  A kill in between resets these, and no others.
 */
static void
pack_oldest(struct flight *flight, uint64_t end)
{
	const struct flight_entry *entry = flight->sent.first;
	int fds[INFLIGHT_FDS];
	size_t count = 0, whole = 0; /* whole: in the messages to drop */
	uint64_t message = 0;
	bool is_sent;

	for (; entry && entry->message < end; entry = entry->next) {
		if (entry->message != message)
			whole = count;
		if (count == INFLIGHT_FDS)
			break;
		message = entry->message;
		fds[count++] = entry->fd;
	}
	if (!entry || entry->message != message) {
		message = entry ? entry->message : end;
		whole = count;
	}
	inflight_drop(flight->inflight, message < end ? message : end);
	message = flight->inflight->next;
	is_sent = whole > 0 && inflight_send(flight->inflight, fds, whole);
	while (whole-- > 0)
		move(flight, flight->sent.first, is_sent ? message : 0);
}

void
flight_send_anew(struct flight *flight)
{
	uint64_t end = flight->inflight->next, first;

	do {
		first = flight->inflight->first;
		pack_oldest(flight, end);
	} while (first < flight->inflight->first &&
		 flight->inflight->first < end);
}

static bool
send_young(struct flight *flight, long long until_ms)
{
	const struct flight_entry *entry;

	while (send_first(flight, &flight->young, until_ms))
		;
	entry = flight->young.first;
	return !entry || entry->added_ms > until_ms;
}

/* false: they are too many. */
static bool
send_until(struct flight *flight, long long until_ms)
{
	if (send_young(flight, until_ms) &&
	    !inflight_is_full(flight->inflight, 0))
		return true;
	if (inflight_is_loose(flight->inflight, flight->sent_count))
		flight_send_anew(flight);
	return send_young(flight, until_ms);
}

long long
flight_send(struct flight *flight)
{
	static struct diag_limit limit;
	long long now_ms = clock_now_ms();

	if (!inflight_is_open(flight->inflight))
		return LLONG_MAX;
	gather(flight);
	if (now_ms >= flight->send_at_ms) {
		if (!send_until(flight, now_ms - SEND_AFTER_MS))
			diag_limited(&limit, LOG_WARNING,
				     "a kill would end some connections: too "
				     "many are in flight");
		flight->send_at_ms = now_ms + SEND_AFTER_MS;
	}
	return flight->young.first ? flight->send_at_ms : LLONG_MAX;
}

size_t
flight_send_all(struct flight *flight)
{
	size_t left = 0;

	if (inflight_is_open(flight->inflight))
		send_until(flight, LLONG_MAX);
	for (const struct flight_entry *entry = flight->young.first; entry;
	     entry = entry->next)
		left++;
	return left;
}
