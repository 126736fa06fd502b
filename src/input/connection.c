/* SPDX-License-Identifier: MIT */
#include "input/connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "input/connection_io.h"
#include "input/connection_ledger.h"
#include "input/note_summary.h"
#include "system/listen_fds.h"
#include "system/sockets.h"

static const char *const ending_names[] = {
	[ENDING_EOF] = "eof",
	[ENDING_RESET] = "reset",
	[ENDING_IDLE] = "idle",
	[ENDING_SHUTDOWN] = "shutdown",
	[ENDING_BAD_FRAME] = "bad-frame",
	[ENDING_ERROR] = "error",
};

struct connection *
connection_new(struct listener *listener, struct registry *registry)
{
	struct connection *c = malloc(sizeof *c);

	if (!c)
		return NULL;
	*c = (struct connection){
		.entry = { .fd = -1, .count = &listener->counters.connections },
		.listener = listener,
		.registry = registry,
	};
	return c;
}

void
connection_accepted(struct connection *c, uint64_t number)
{
	const struct listener_config *config = c->listener->config;

	c->origin = (struct origin){ .listener = c->listener->name,
				     .connection = number,
				     .protocol = PROTOCOL_TCP };
	address_format(&c->entry.peer, c->origin.peer);
	framer_init(&c->framer, (enum framing)config->framing,
		    (size_t)config->limits.max_record);
	c->opened_ms = c->received_ms = clock_now_ms();
}

/* A health check: the peer came, said nothing and went. */
static bool
is_probe(const struct connection *c, enum ending ending)
{
	return c->bytes == 0 && ending != ENDING_SHUTDOWN;
}

static void
note_closed(struct connection *c, enum ending ending)
{
	long notes = c->listener->config->limits.connection_notes;
	long long ms = clock_now_ms() - c->opened_ms;
	char text[160];

	if (notes == NOTES_NONE)
		return;
	if (notes != NOTES_ALL && is_probe(c, ending) && c->listener->summary) {
		note_summary_count(c->listener->summary, "probes",
				   &c->entry.peer);
		return;
	}
	snprintf(text, sizeof text,
		 "closed reason=%s records=%llu bytes=%llu seconds=%lld.%03lld",
		 ending_names[ending], (unsigned long long)c->records,
		 (unsigned long long)c->bytes, ms / 1000, ms % 1000);
	connection_note(c, text);
}

/* Everything must be with the outputs before the peer sees us close. */
static void
finish(struct connection *c, enum ending ending)
{
	struct slice slice;
	enum frame frame;

	connection_borrow(c);
	/* What is left has the time of its read, unless nothing is. */
	if (framer_held(&c->framer) == 0)
		clock_gettime(CLOCK_REALTIME, &c->time);
	while ((frame = framer_end(&c->framer, &slice)) != FRAME_NONE)
		connection_add_frame(c, frame, &slice);
	connection_emit(c);
	note_closed(c, ending);
	connection_give_back(c);
}

/* From now on it outlives this process, if systemd keeps it. */
static void
keep(struct connection *c)
{
	char name[FDSTORE_NAME];

	c->is_kept = fdstore_available();
	if (!c->is_kept || c->was_taken)
		return;
	connection_ledger_enter(c);
	listen_fds_connection_name(name, c->origin.connection,
				   c->listener->key);
	fdstore_add(c->entry.fd, name);
}

/* Its peer is to see the end now, not when systemd has let go of it too. */
static void
drop(struct connection *c)
{
	char name[FDSTORE_NAME];

	if (!c->is_kept)
		return;
	if (!c->entry.unconfirmed)
		sockets_send_fin(c->entry.fd);
	listen_fds_connection_name(name, c->origin.connection,
				   c->listener->key);
	fdstore_remove(name);
	connection_ledger_release(c);
}

static void
leave(struct connection *c)
{
	drop(c);
	registry_close(c->registry, &c->entry);
	free(c);
}

void *
connection_main(void *argument)
{
	struct connection *c = argument;
	enum ending ending;

	keep(c);
	if (connection_ledger_was_closed(c)) {
		leave(c); /* which the process before us was about to do */
		return NULL;
	}
	if (c->was_taken)
		connection_note_lost(c);
	else if (c->listener->config->limits.connection_notes == NOTES_ALL)
		connection_note(c, "opened");
	do {
		if (c->batch && framer_held(&c->framer) == 0)
			connection_give_back(c);
		ending = connection_wait(c);
	} while (ending == ENDING_NONE);
	if (ending == ENDING_PARKED) {
		registry_leave_open(c->registry, &c->entry);
		return NULL;
	}
	finish(c, ending);
	/* An end in order is a receipt, which there is none for then. */
	c->entry.unconfirmed = output_set_is_broken(
		c->listener->pool.outputs, c->listener->pool.output_mask);
	if (!c->entry.unconfirmed)
		connection_ledger_closed(c);
	diag(LOG_DEBUG, "connection %llu: closed: %s",
	     (unsigned long long)c->origin.connection, ending_names[ending]);
	leave(c);
	return NULL;
}

/* A record's limit may have changed since they were read. */
void
connection_receive_held(struct connection *c, const unsigned char *held,
			size_t size)
{
	while (size > 0) {
		unsigned char *space;
		size_t room;

		connection_borrow(c);
		space = framer_space(&c->framer, &room);
		room = room < size ? room : size;
		memcpy(space, held, room);
		framer_received(&c->framer, room);
		connection_take_records(c);
		batch_emit(c->batch);
		if (c->lost == 0)
			connection_ledger_done(c);
		held += room;
		size -= room;
	}
}

/* What the process before us has left when it ended in order. */
static void
go_on(struct connection *c, const struct saved_connection *kept,
      const unsigned char *held)
{
	c->records = kept->records;
	c->bytes = kept->bytes;
	c->opened_ms = kept->opened_ms;
	c->received_ms = kept->received_ms;
	c->unfinished_ms = kept->unfinished_ms;
	c->time = (struct timespec){ .tv_sec = kept->time_s,
				     .tv_nsec = kept->time_ns };
	c->is_bad = kept->is_bad;
	c->framer.framing = (enum framing)kept->framing;
	c->framer.due = kept->due;
	c->framer.inside = kept->inside;
	connection_receive_held(c, held, (size_t)kept->held);
}

void
connection_take_over(struct connection *c, const struct saved_connection *kept,
		     const unsigned char *held)
{
	c->was_taken = true;
	c->ledger_entry =
		ledger_find(c->listener->ledger, c->origin.connection);
	/* Killed before it was dropped, it is older than the ledger. */
	if (kept->number != 0 &&
	    !(c->ledger_entry && c->ledger_entry->read > kept->bytes))
		go_on(c, kept, held);
	else if (c->ledger_entry)
		connection_resume(c);
	else
		c->bytes = sockets_bytes_delivered(c->entry.fd, &c->error);
	/* Not all have one: who waited for a thread, or found no room. */
	if (!c->ledger_entry)
		connection_ledger_enter(c);
}

void
connection_hand_over(struct connection *c, struct buffer *buffer)
{
	struct saved_connection kept = {
		.number = c->origin.connection,
		.records = c->records,
		.bytes = c->bytes,
		.opened_ms = c->opened_ms,
		.received_ms = c->received_ms,
		.unfinished_ms = c->unfinished_ms,
		.time_s = c->time.tv_sec,
		.time_ns = c->time.tv_nsec,
		.due = c->framer.due,
		.framing = c->framer.framing,
		.inside = c->framer.inside,
		.is_bad = c->is_bad,
		.peer_size = c->entry.peer.size,
		.held = framer_held(&c->framer),
	};

	memcpy(kept.peer, &c->entry.peer.in6, sizeof kept.peer);
	saved_state_add_connection(buffer, &kept, framer_rest(&c->framer));
	if (c->batch)
		connection_give_back(c);
	close(c->entry.fd);
	free(c);
}
