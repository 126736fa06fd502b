/* SPDX-License-Identifier: MIT */
#include "input/connection_progress.h"

#include <string.h>

/* Its peer is the proxy, though the log knows another. */
static void
continue_header(struct state_connection *entry,
		const struct state_connection *previous)
{
	entry->header_size = previous->header_size;
	entry->told_size = previous->told_size;
	if (entry->told_size == 0)
		return;
	memcpy(entry->told, previous->told, sizeof entry->told);
	memcpy(entry->peer, previous->peer, sizeof entry->peer);
	entry->peer_size = previous->peer_size;
}

bool
connection_progress_begin(struct connection *c,
			  const struct state_connection *previous)
{
	struct state *state = c->listener->state;
	struct state_connection *entry = state_claim(state, c->entry.fd);

	if (!entry)
		return false;
	entry->peer_size = c->entry.peer.size;
	memcpy(entry->peer, &c->entry.peer.in6, sizeof entry->peer);
	atomic_store(&entry->proxy_header, c->proxy_header);
	atomic_store(&entry->tls, c->tls_state);
	if (previous) {
		entry->progress = previous->progress;
		entry->saved = previous->saved;
		entry->begin = previous->begin;
		entry->doubts = previous->doubts;
		continue_header(entry, previous);
	} else {
		entry->progress.position[0].framing =
			(uint8_t)c->framer.framing;
	}
	entry->listener =
		(uint32_t)(c->listener->state_entry - state->listeners);
	entry->number = c->origin.connection;
	entry->opened_ms = c->opened_ms;
	state_use(entry, previous ? atomic_load(&previous->use) : STATE_OPEN);
	c->state_entry = entry;
	return true;
}

void
connection_progress_end(struct connection *c)
{
	state_release(c->listener->state, c->state_entry);
	c->state_entry = NULL;
}

static void
set_header(struct connection *c, enum state_proxy_header header)
{
	c->proxy_header = header;
	atomic_store_explicit(&c->state_entry->proxy_header, header,
			      memory_order_release);
}

void
connection_progress_header(struct connection *c, const struct address *told,
			   size_t size)
{
	struct state_connection *entry = c->state_entry;

	entry->header_size = (uint32_t)size;
	if (told) {
		memcpy(entry->told, &told->in6, sizeof entry->told);
		entry->told_size = told->size;
	}
	set_header(c, STATE_HEADER_READ);
}

void
connection_progress_header_taken(struct connection *c)
{
	set_header(c, STATE_HEADER_NONE);
}

void
connection_progress_handshake(struct connection *c)
{
	c->tls_state = STATE_TLS_BEGUN;
	atomic_store_explicit(&c->state_entry->tls, c->tls_state,
			      memory_order_release);
}

/*
 * A counted stream is framed ahead of the records: a process that continues
 * behind `read` cannot guess where the next count stands.
 */
static void
set_framing(struct state_position *p, struct framer ahead)
{
	struct slice slice;
	size_t held;

	while (framer_next(&ahead, &slice) != FRAME_NONE)
		;
	held = framer_held(&ahead);
	p->digits = ahead.remaining == 0 && held <= STATE_DIGITS ? (uint8_t)held
								 : 0;
	if (p->digits > 0)
		memcpy(p->count, framer_held_bytes(&ahead), p->digits);
	p->remaining = ahead.remaining > 0 ? ahead.remaining - held : 0;
	p->framing = (uint8_t)ahead.framing;
}

struct mmsghdr *
connection_progress_message(struct connection *c)
{
	struct state_connection *entry = c->state_entry;

	if (c->entry.peer.any.sa_family != AF_UNIX)
		return NULL;
	entry->message.msg_len = STATE_UNFILLED;
	atomic_store_explicit(&entry->message_turn,
			      state_position(&entry->progress)->turn + 1,
			      memory_order_release);
	return &entry->message;
}

void
connection_progress_read(struct connection *c)
{
	struct state_progress *progress = &c->state_entry->progress;
	struct state_position *p = state_next(progress);

	if (framer_is_counted(&c->framer))
		set_framing(p, c->framer);
	else
		p->framing = (uint8_t)c->framer.framing;
	p->read = c->bytes;
	if (c->tls_state == STATE_TLS_NONE)
		p->turn++;
	else
		p->wire = c->wire;
	p->is_saved = false;
	state_publish(progress);
}

void
connection_progress_written(struct connection *c)
{
	const struct pool *pool = &c->listener->pool;
	struct state_progress *progress = &c->state_entry->progress;
	struct state_position *p;

	if (output_set_is_broken(pool->outputs, pool->output_mask))
		return;
	p = state_next(progress);
	p->done = c->bytes - connection_held(c);
	p->records = c->records;
	p->is_saved = false;
	c->state_entry->begin = c->begin;
	state_publish(progress);
}

void
connection_progress_closed(struct connection *c)
{
	state_use(c->state_entry, STATE_CLOSED);
}

bool
connection_progress_was_closed(const struct connection *c)
{
	return atomic_load(&c->state_entry->use) == STATE_CLOSED;
}

/* The unfinished record; false: its bytes cannot be saved. */
static bool
save_bytes(struct connection *c, struct state_saved *saved,
	   struct saved_bytes *bytes)
{
	const void *held =
		c->unfinished ? c->unfinished : framer_held_bytes(&c->framer);

	saved->bytes =
		c->unfinished ? c->unfinished_size : framer_held(&c->framer);
	saved->bytes_of = bytes->generation;
	return saved->bytes == 0 ||
	       saved_bytes_add(bytes, held, saved->bytes, &saved->bytes_at);
}

/* false: an output that is broken has not taken all records. */
static bool
has_written_all(struct connection *c)
{
	if (c->unfinished)
		return true; /* nothing was read since it was saved */
	connection_progress_written(c);
	return state_position(&c->state_entry->progress)->done >=
	       c->bytes - framer_held(&c->framer);
}

static struct state_header *
header_of(const struct connection *c)
{
	return c->listener->state->header;
}

/* Whether a sync of what it sent may have failed. */
static bool
is_doubtful(const struct connection *c)
{
	return c->was_doubtful ||
	       (c->bytes > 0 &&
		output_set_doubts(c->listener->pool.outputs,
				  connection_unsettled(c)) != c->doubts);
}

void
connection_progress_trust(struct connection *c)
{
	c->state_entry->doubts = atomic_load(&header_of(c)->doubts);
	c->doubts = output_set_doubts(c->listener->pool.outputs,
				      connection_unsettled(c));
}

/*
 * Count its own outputs alone, where a kill leaves the count of all.  The next
 * process learns of a sync that fails between the two looks.
 */
static void
save_doubts(struct connection *c)
{
	unsigned doubts = atomic_load(&header_of(c)->doubts);

	if (!is_doubtful(c))
		c->state_entry->doubts = doubts;
}

void
connection_progress_save(struct connection *c)
{
	struct state_progress *progress = &c->state_entry->progress;
	struct state_saved *saved = &c->state_entry->saved;
	struct state_position *p;

	save_doubts(c);
	/* What is lost and not noted yet is found again as after a kill. */
	if (c->lost > 0 || !has_written_all(c))
		return;
	*saved = (struct state_saved){
		.remaining = c->framer.remaining,
		.received_ms = c->received_ms,
		.unfinished_ms = c->unfinished_ms,
		.time_s = c->time.tv_sec,
		.time_ns = c->time.tv_nsec,
		.inside = c->framer.inside,
		.is_bad = c->state == CONNECTION_FRAMING_FAILED ||
			  c->state == CONNECTION_STOPPED_FRAMING,
		.framing = (uint8_t)c->framer.framing,
	};
	if (!save_bytes(c, saved, &c->listener->state->bytes))
		return;
	p = state_next(progress);
	p->is_saved = true;
	state_publish(progress);
}
