/* SPDX-License-Identifier: MIT */
#include "input/connection_restore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "input/connection_io.h"
#include "input/connection_ledger.h"

/* max_record may have become smaller: then this gives records. */
static void
receive_held(struct connection *c, const unsigned char *held, size_t size)
{
	while (size > 0) {
		unsigned char *space;
		size_t capacity;

		connection_borrow(c);
		space = framer_space(&c->framer, &capacity);
		capacity = capacity < size ? capacity : size;
		memcpy(space, held, capacity);
		framer_received(&c->framer, capacity);
		connection_take_records(c, c->batch);
		batch_emit(c->batch);
		if (c->lost == 0)
			connection_ledger_written(c);
		held += capacity;
		size -= capacity;
	}
}

/* After a restart in order: the saved state has all of it. */
static void
restore_saved(struct connection *c, const struct saved_connection *saved,
	      const unsigned char *held)
{
	c->records = saved->records;
	c->bytes = saved->bytes;
	c->opened_ms = saved->opened_ms;
	c->received_ms = saved->received_ms;
	c->unfinished_ms = saved->unfinished_ms;
	c->time = (struct timespec){ .tv_sec = saved->time_s,
				     .tv_nsec = saved->time_ns };
	if (saved->is_bad)
		c->state = CONNECTION_FRAMING_FAILED;
	c->framer.framing = (enum framing)saved->framing;
	c->framer.remaining = saved->due;
	c->framer.inside = saved->inside;
	receive_held(c, held, (size_t)saved->held);
}

/*
 * Bring the framer to where it would be had it seen the bytes behind `read`;
 * false: they cannot be skipped, for a count may be among them.
 */
static bool
skip(struct framer *f, const struct ledger_entry *e, uint64_t unseen)
{
	f->framing = (enum framing)e->framing;
	if (f->framing != FRAMING_OCTET_COUNTED)
		return true;
	if (unseen > e->due)
		return false;
	f->remaining = e->due - unseen;
	f->inside = f->remaining > 0;
	return true;
}

/* After a kill: go on behind what the killed process has read. */
static void
restore_from_ledger(struct connection *c)
{
	struct ledger_entry *e = c->ledger_entry;
	uint64_t delivered = sockets_bytes_delivered(c->entry.fd, &c->error);

	c->bytes = delivered;
	c->records = e->records;
	c->opened_ms = e->opened_ms;
	if (!skip(&c->framer, e, delivered - e->read))
		c->framer.framing = FRAMING_REST;
	if (c->framer.framing == FRAMING_REST)
		c->state = CONNECTION_FRAMING_FAILED;
	c->lost = delivered - e->done;
	if (delivered == e->read && e->held > 0) {
		receive_held(c, e->count, e->held);
		c->lost -= e->held;
	}
}

void
connection_restore(struct connection *c, const struct saved_connection *saved,
		   const unsigned char *held)
{
	struct ledger_entry *e =
		ledger_find(c->listener->ledger, c->origin.connection);

	c->resumed = true;
	c->ledger_entry = e;
	/*
	 * If we were killed before systemd dropped the saved state, the ledger
	 * is newer and wins.
	 */
	if (saved->number != 0 && !(e && e->read > saved->bytes))
		restore_saved(c, saved, held);
	else if (e)
		restore_from_ledger(c);
	else
		c->bytes = sockets_bytes_delivered(c->entry.fd, &c->error);
	/* It waited for a thread, or the ledger was full. */
	if (!e)
		connection_ledger_enter(c);
}

void
connection_note_lost(struct connection *c)
{
	if (c->lost > 0) {
		char text[64];

		snprintf(text, sizeof text, "lost bytes=%llu",
			 (unsigned long long)c->lost);
		connection_note(c, text);
	}
	/* Not before: if we die first, the next process notes the loss. */
	connection_ledger_read(c);
	connection_ledger_written(c);
}

void
connection_save(struct connection *c, struct buffer *buffer)
{
	struct saved_connection saved = {
		.number = c->origin.connection,
		.records = c->records,
		.bytes = c->bytes,
		.opened_ms = c->opened_ms,
		.received_ms = c->received_ms,
		.unfinished_ms = c->unfinished_ms,
		.time_s = c->time.tv_sec,
		.time_ns = c->time.tv_nsec,
		.due = c->framer.remaining,
		.framing = c->framer.framing,
		.inside = c->framer.inside,
		.is_bad = c->state == CONNECTION_FRAMING_FAILED ||
			  c->state == CONNECTION_STOPPED_FRAMING,
		.peer_size = c->entry.peer.size,
		.held = framer_held(&c->framer),
	};

	memcpy(saved.peer, &c->entry.peer.in6, sizeof saved.peer);
	saved_state_add_connection(buffer, &saved,
				   framer_held_bytes(&c->framer));
	if (c->batch)
		connection_give_back(c);
	close(c->entry.fd);
	free(c);
}
