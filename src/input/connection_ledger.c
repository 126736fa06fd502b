/* SPDX-License-Identifier: MIT */
#include "input/connection_ledger.h"

#include <stdio.h>
#include <string.h>

#include "input/connection_io.h"

void
connection_ledger_enter(struct connection *c)
{
	c->ledger_entry =
		ledger_claim(c->listener->ledger, c->origin.connection);
	if (!c->ledger_entry)
		return;
	c->ledger_entry->opened_ms = c->opened_ms;
	c->ledger_entry->framing = (uint8_t)c->framer.framing;
}

void
connection_ledger_release(struct connection *c)
{
	if (c->ledger_entry)
		ledger_release(c->listener->ledger, c->ledger_entry);
	c->ledger_entry = NULL;
}

/* Counted frames are looked at twice: what follows them cannot be guessed. */
void
connection_ledger_read(struct connection *c)
{
	struct framer ahead = c->framer;
	struct ledger_entry *e = c->ledger_entry;

	if (!e)
		return;
	if (ahead.framing == FRAMING_OCTET_COUNTED) {
		struct slice slice;
		size_t held;

		while (framer_next(&ahead, &slice) != FRAME_NONE)
			;
		held = framer_held(&ahead);
		e->held = ahead.due == 0 && held <= LEDGER_COUNT ? (uint8_t)held
								 : 0;
		if (e->held > 0)
			memcpy(e->count, framer_rest(&ahead), e->held);
		e->due = ahead.due > 0 ? ahead.due - held : 0;
	}
	e->framing = (uint8_t)ahead.framing;
	e->read = c->bytes;
}

void
connection_ledger_done(struct connection *c)
{
	const struct batch *batch = c->shared ? c->shared : c->batch;

	if (!c->ledger_entry || (batch && batch->count > 0))
		return;
	c->ledger_entry->done = c->bytes - framer_held(&c->framer);
	c->ledger_entry->records = c->records;
}

void
connection_ledger_closed(struct connection *c)
{
	if (c->ledger_entry)
		c->ledger_entry->closed = true;
}

bool
connection_ledger_was_closed(const struct connection *c)
{
	return c->ledger_entry && c->ledger_entry->closed;
}

/* To where the framer would be had it seen the rest; false: nobody knows. */
static bool
skip(struct framer *f, struct ledger_entry *e, uint64_t unseen)
{
	f->framing = (enum framing)e->framing;
	if (f->framing != FRAMING_OCTET_COUNTED)
		return true;
	if (unseen > e->due)
		return false;
	f->due = e->due - unseen;
	f->inside = f->due > 0;
	return true;
}

void
connection_resume(struct connection *c)
{
	struct ledger_entry *e = c->ledger_entry;
	uint64_t given = sockets_bytes_delivered(c->entry.fd, &c->error);

	c->bytes = given;
	c->records = e->records;
	c->opened_ms = e->opened_ms;
	if (!skip(&c->framer, e, given - e->read))
		c->framer.framing = FRAMING_REST;
	c->is_bad = c->framer.framing == FRAMING_REST;
	c->lost = given - e->done;
	if (given == e->read && e->held > 0) {
		connection_receive_held(c, e->count, e->held);
		c->lost -= e->held;
	}
}

/* Until it is told the ledger has it, for the next process. */
void
connection_note_lost(struct connection *c)
{
	if (c->lost > 0) {
		char text[64];

		snprintf(text, sizeof text, "lost bytes=%llu",
			 (unsigned long long)c->lost);
		connection_note(c, text);
	}
	connection_ledger_read(c);
	connection_ledger_done(c);
}
