/* SPDX-License-Identifier: MIT */
#include "input/connection_end.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/diag.h"
#include "input/connection_io.h"
#include "input/connection_memory.h"
#include "input/connection_progress.h"
#include "input/connection_rate.h"
#include "input/note_summary.h"
#include "system/fdstore.h"

/* The bytes of the longest "closed", with a NUL. */
#define CLOSED_TEXT 512

/*
 * What is missing in the log, for it was received and is not deciphered.
 * Behind what is corrupt the kernel may have more.
 */
static uint64_t
undeciphered(struct connection *c, enum ending ending)
{
	if (!c->tls)
		return 0;
	if (ending == ENDING_TLS_ERROR) {
		registry_stop_one(c->registry, &c->entry);
		tls_stream_discard(c->tls);
	}
	return tls_stream_undeciphered(c->tls);
}

/* A health check: the peer connected, sent nothing and left. */
static bool
is_probe(const struct connection *c, enum ending ending, uint64_t undeciphered)
{
	return c->bytes == 0 && undeciphered == 0 &&
	       ending != ENDING_SHUTDOWN && ending != ENDING_RESTART &&
	       ending != ENDING_TLS_ERROR;
}

/* "closed ..." */
static void
describe_end(const struct connection *c, enum ending ending,
	     uint64_t undeciphered, char text[CLOSED_TEXT])
{
	long long ms = clock_now_ms() - c->opened_ms;
	const char *by = c->origin.by, *name = c->origin.name;
	char missing[40] = "";

	if (undeciphered > 0)
		snprintf(missing, sizeof missing, " undeciphered=%llu",
			 (unsigned long long)undeciphered);
	snprintf(text, CLOSED_TEXT,
		 "closed reason=%s%s%s records=%llu bytes=%llu "
		 "seconds=%lld.%03lld%s%s%s%s%s",
		 ending_name(ending),
		 ending == ENDING_TLS_ERROR ? " detail=" : "",
		 ending == ENDING_TLS_ERROR ? tls_stream_failure(c->tls) : "",
		 (unsigned long long)c->records, (unsigned long long)c->bytes,
		 ms / 1000, ms % 1000, missing, by ? " by=" : "", by ? by : "",
		 name ? " name=" : "", name ? name : "");
}

static void
add_closed(struct connection *c, enum ending ending, char text[CLOSED_TEXT])
{
	enum connection_notes notes =
		c->listener->config->limits.connection_notes;
	const struct note_event probe = { .event = EVENT_PROBES };
	uint64_t missing = undeciphered(c, ending);
	bool is_silent = is_probe(c, ending, missing);

	if (is_silent)
		atomic_fetch_add(&c->listener->events->probes, 1);
	/* What is missing is told in any case. */
	if (notes == NOTES_NONE && missing == 0)
		return;
	if (notes != NOTES_ALL && is_silent && c->listener->summary) {
		note_summary_count(c->listener->summary, &probe,
				   &c->entry.peer);
		return;
	}
	describe_end(c, ending, missing, text);
	connection_add_note(c, text);
}

/* Write all before the peer sees us close. */
static void
finish(struct connection *c, enum ending ending)
{
	char closed[CLOSED_TEXT];
	struct slice slice;
	enum frame frame;

	connection_borrow(c);
	/* An unfinished record has the time of its read; no bytes, of now. */
	if (framer_held(&c->framer) == 0)
		clock_gettime(CLOCK_REALTIME, &c->time);
	while ((frame = framer_end(&c->framer, &slice)) != FRAME_NONE)
		connection_add_frame(c, c->batch, frame, &slice);
	add_closed(c, ending, closed);
	connection_emit(c);
	connection_give_back(c);
}

static void
free_closed(struct connection *c)
{
	registry_close(c->registry, &c->entry);
	c->entry.fd = -1;
	connection_free(c);
}

/*
 * A peer whose data is with the outputs sees its stream end in order, so send
 * the FIN while the state still says so.  Let go of the state before the
 * registry does not count the connection any more: the main thread closes both.
 * Where an output is broken the state keeps it, for the next process to tell.
 */
void
connection_leave(struct connection *c)
{
	if (c->tls && !c->entry.unconfirmed)
		tls_stream_close(c->tls, c->registry->handover_fd);
	if (fdstore_available() && !c->entry.unconfirmed)
		sockets_send_fin(c->entry.fd);
	if (!c->entry.unconfirmed)
		connection_progress_end(c);
	free_closed(c);
}

void
connection_turn_away(struct connection *c)
{
	sockets_reset(c->entry.fd);
	connection_progress_end(c);
	free_closed(c);
}

/* All that it sent is safe, as far as its outputs are set up for that. */
static bool
is_settled(const struct connection *c)
{
	if (c->bytes == 0)
		return true;
	return output_set_settle(c->listener->pool.outputs,
				 connection_unsettled(c)) == c->doubts &&
	       !c->was_doubtful;
}

void
connection_end(struct connection *c, enum ending ending)
{
	bool all_settled;

	finish(c, ending);
	connection_rate_end(c);
	/* An end in order is a receipt: there is none if an output failed. */
	c->entry.unconfirmed = output_set_is_broken(
		c->listener->pool.outputs, c->listener->pool.output_mask);
	all_settled = is_settled(c);
	if (!c->entry.unconfirmed)
		atomic_fetch_add(&c->listener->events->closed[ending], 1);
	if (!all_settled) {
		connection_turn_away(c);
		return;
	}
	if (!c->entry.unconfirmed)
		connection_progress_closed(c);
	diag(LOG_DEBUG, "listener %s: connection %llu closed: %s",
	     c->listener->name, (unsigned long long)c->origin.connection,
	     ending_name(ending));
	if (ending == ENDING_KILLED && !c->entry.unconfirmed)
		connection_turn_away(c);
	else
		connection_leave(c);
}
