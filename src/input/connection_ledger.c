/* SPDX-License-Identifier: MIT */
#include "input/connection_ledger.h"

#include <string.h>

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

/*
 * An octet-counted stream is framed ahead of the records: a process that goes
 * on behind `read` cannot guess where the next count stands.
 */
static void
save_position(struct ledger_entry *e, struct framer ahead)
{
	struct slice slice;
	size_t held;

	while (framer_next(&ahead, &slice) != FRAME_NONE)
		;
	held = framer_held(&ahead);
	e->held = ahead.remaining == 0 && held <= LEDGER_COUNT ? (uint8_t)held
							       : 0;
	if (e->held > 0)
		memcpy(e->count, framer_held_bytes(&ahead), e->held);
	e->due = ahead.remaining > 0 ? ahead.remaining - held : 0;
	e->framing = (uint8_t)ahead.framing;
}

void
connection_ledger_read(struct connection *c)
{
	struct ledger_entry *e = c->ledger_entry;

	if (!e)
		return;
	if (c->framer.framing == FRAMING_OCTET_COUNTED)
		save_position(e, c->framer);
	else
		e->framing = (uint8_t)c->framer.framing;
	e->read = c->bytes;
}

void
connection_ledger_written(struct connection *c)
{
	if (!c->ledger_entry)
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
