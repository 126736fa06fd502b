/* SPDX-License-Identifier: MIT */
#include "input/admission_step.h"

#include <limits.h>
#include <poll.h>

#include "base/clock.h"
#include "base/diag.h"
#include "input/note_summary.h"

enum admission_result
admission_wait(struct admission *a, short events)
{
	const struct connection *c = a->connection;
	struct pollfd ready[] = {
		{ .fd = c->entry.fd, .events = (short)(events | POLLRDHUP) },
		{ .fd = c->registry->handover_fd, .events = POLLIN },
	};
	long long left_ms;

	/* What is there by then is in time. */
	do {
		left_ms = a->until_ms - clock_now_ms();
		if (left_ms < 0)
			left_ms = 0;
		poll(ready, 2, left_ms < INT_MAX ? (int)left_ms : INT_MAX);
		if (atomic_load(&c->registry->handing_over))
			return ADMISSION_HANDOVER;
		a->has_ended =
			ready[0].revents & (POLLRDHUP | POLLHUP | POLLERR);
		if (ready[0].revents)
			return ADMISSION_GRANTED;
	} while (left_ms > 0);
	return admission_refuse(a, &c->entry.peer, "timeout", NULL);
}

enum admission_result
admission_refuse(const struct admission *a, const struct address *source,
		 const char *reason, const char *detail)
{
	const struct listener *l = a->connection->listener;
	const struct note_event refused = {
		.event = EVENT_REFUSED,
		.reason = reason,
		.detail = detail,
		/* Whoever sets up TLS looks why it fails. */
		.at_once = a->connection->tls_state != STATE_TLS_NONE,
	};

	atomic_fetch_add(&l->counters->refused, 1);
	diag(LOG_DEBUG, "listener %s: connection %llu refused: %s %s", l->name,
	     (unsigned long long)a->connection->origin.connection, reason,
	     detail ? detail : "");
	if (l->summary)
		note_summary_count(l->summary, &refused, source);
	return ADMISSION_REFUSED;
}

enum admission_result
admission_leave(const struct admission *a)
{
	struct connection *c = a->connection;
	const struct listener *l = c->listener;
	const struct note_event probe = { .event = EVENT_PROBES };
	bool is_stopped = registry_is_stopped(c->registry, &c->entry);

	atomic_fetch_add(
		&l->events->closed[is_stopped ? ENDING_SHUTDOWN : ENDING_EOF],
		1);
	if (is_stopped)
		return ADMISSION_LEFT;
	atomic_fetch_add(&l->events->probes, 1);
	if (l->config->limits.connection_notes != NOTES_NONE && l->summary)
		note_summary_count(l->summary, &probe, &c->entry.peer);
	return ADMISSION_LEFT;
}
