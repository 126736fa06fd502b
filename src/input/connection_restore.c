/* SPDX-License-Identifier: MIT */
#include "input/connection_restore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input/connection_io.h"
#include "input/connection_memory.h"
#include "input/connection_progress.h"
#include "system/socket_peer.h"
#include "system/sockets_input.h"
#include "system/state_reader.h"

/* A peer that has gone meanwhile is known from the state alone. */
static void
find_peer(struct connection *c, const struct state_connection *previous)
{
	struct address *peer = &c->entry.peer;

	if (sockets_get_peer(c->entry.fd, peer))
		return;
	memcpy(&peer->in6, previous->peer, sizeof previous->peer);
	peer->size = previous->peer_size;
	if (peer->size == 0)
		address_parse(peer, "::", 0);
}

/* Another one, if its proxy has told of it. */
static void
find_told(struct connection *c, const struct state_connection *previous)
{
	if (c->proxy_header == STATE_HEADER_AWAITED || previous->told_size == 0)
		return;
	address_format(&c->entry.peer, c->by);
	c->entry.proxy = c->entry.peer;
	memcpy(&c->entry.peer.in6, previous->told, sizeof previous->told);
	c->entry.peer.size = previous->told_size;
}

/* After a restart: with the unfinished record. */
static void
restore_saved(struct connection *c, const struct state_saved *saved,
	      unsigned char *bytes)
{
	c->received_ms = saved->received_ms;
	c->unfinished_ms = saved->unfinished_ms;
	c->time = (struct timespec){ .tv_sec = saved->time_s,
				     .tv_nsec = saved->time_ns };
	if (saved->is_bad)
		c->state = CONNECTION_FRAMING_FAILED;
	framer_resume(&c->framer, (enum framing)saved->framing,
		      saved->remaining, saved->inside);
	c->unfinished = bytes;
	c->unfinished_size = bytes ? saved->bytes : 0;
}

/*
 * Bring the framer to where it would be had it seen the bytes behind `read`;
 * false: they cannot be skipped, for a count or length may be among them.
 */
static bool
skip(struct framer *f, const struct state_position *p, uint64_t unseen)
{
	enum framing framing = p->framing == FRAMING_UNSET
				     ? f->framing
				     : (enum framing)p->framing;

	framer_resume(f, framing, p->remaining - unseen, p->remaining > unseen);
	return !framer_is_counted(f) || unseen <= p->remaining;
}

/* The count that had begun: its digits are all that is in hand. */
static void
restore_count(struct connection *c, const struct state_position *p)
{
	c->unfinished = malloc(sizeof p->count);
	if (!c->unfinished)
		return;
	memcpy(c->unfinished, p->count, sizeof p->count);
	c->unfinished_size = p->digits;
	c->lost -= p->digits;
}

/*
 * What the kernel has delivered to any process, without the PROXY header; what
 * is known if not that.  A process that was killed before it took what it had
 * published has the position of before: see receive() in connection_io.c.
 */
static uint64_t
bytes_read(struct connection *c, struct state_connection *previous)
{
	struct state_position *p = previous->progress.position;
	uint32_t header = previous->header_size;
	uint64_t read;

	/* Of TLS the kernel has counted other bytes: see count_lost(). */
	if (c->tls_state == STATE_TLS_BEGUN)
		return p[0].read;
	if (c->entry.fd < 0 || c->entry.peer.any.sa_family == AF_UNIX)
		return p[0].read + state_reader_uncounted_bytes(previous);
	read = sockets_bytes_delivered(c->entry.fd, &c->error);
	if (c->proxy_header == STATE_HEADER_READ && read < header)
		c->header_left = header - read;
	read = read < header ? 0 : read - header;
	if (read < p[0].read && read == p[1].read)
		p[0] = p[1];
	return read < p[0].read ? p[0].read : read;
}

/*
 * A process that was about to end it may have blocked its input, and if it had
 * the time also shut it down: then the end is what is left to read.
 */
static void
restore_input(struct connection *c)
{
	if (sockets_input_has_ended(c->entry.fd) &&
	    c->entry.peer.any.sa_family != AF_UNIX)
		c->entry.state = ENTRY_SHUT_DOWN;
	else
		sockets_unblock_input(c->entry.fd);
}

/* After a kill: continue behind what the killed process has read. */
static void
restore_killed(struct connection *c, const struct state_position *p,
	       uint64_t read)
{
	c->bytes = read;
	c->lost = read - p->done;
	if (c->tls_state == STATE_TLS_BEGUN)
		return; /* nothing follows */
	if (!skip(&c->framer, p, read - p->read))
		c->framer.framing = FRAMING_REST;
	if (c->framer.framing == FRAMING_REST)
		c->state = CONNECTION_FRAMING_FAILED;
	else if (read == p->read && p->digits > 0 && c->lost >= p->digits)
		restore_count(c, p);
}

/* Whether a sync may have failed of what its outputs had of it. */
static bool
was_doubtful(const struct connection *c,
	     const struct state_connection *previous)
{
	return output_set_has_sync(c->listener->pool.outputs,
				   connection_unsettled(c)) &&
	       previous->doubts !=
		       atomic_load(&c->listener->state->header->doubts);
}

bool
connection_restore(struct connection *c, struct state_connection *previous,
		   unsigned char *bytes)
{
	struct state_position *p = previous->progress.position;
	uint64_t read;

	c->proxy_header = atomic_load(&previous->proxy_header);
	c->tls_state = atomic_load(&previous->tls);
	if (c->proxy_header != STATE_HEADER_NONE ||
	    c->tls_state == STATE_TLS_AWAITED)
		c->entry.unadmitted = &c->listener->unadmitted;
	find_peer(c, previous);
	read = bytes_read(c, previous);
	restore_input(c);
	find_told(c, previous);
	connection_accepted(c, previous->number);
	if (c->by[0])
		connection_describe_proxy(c, NULL);
	c->resumed = !c->entry.unadmitted || c->entry.fd < 0;
	c->records = p->records;
	c->begin = previous->begin;
	c->bytes = p->read;
	c->was_doubtful = c->bytes > 0 && was_doubtful(c, previous);
	c->wire = p->wire;
	atomic_store(&c->entry.records, c->records);
	atomic_store(&c->entry.bytes, c->bytes);
	c->opened_ms = previous->opened_ms;
	/* A process that was killed may have read more since it was saved. */
	if (p->is_saved && read == p->read &&
	    (bytes || previous->saved.bytes == 0)) {
		restore_saved(c, &previous->saved, bytes);
	} else {
		free(bytes);
		restore_killed(c, p, read);
	}
	return connection_progress_begin(c, previous);
}

/* max_record may have become smaller: then this gives records. */
static void
receive_unfinished(struct connection *c)
{
	const unsigned char *next = c->unfinished;

	while (c->unfinished_size > 0) {
		unsigned char *space;
		size_t size;

		connection_borrow(c);
		space = framer_space(&c->framer, &size);
		if (size > c->unfinished_size)
			size = c->unfinished_size;
		memcpy(space, next, size);
		framer_received(&c->framer, size);
		next += size;
		c->unfinished_size -= size;
		if (connection_take_records(c, c->batch))
			connection_emit(c);
	}
	free(c->unfinished);
	c->unfinished = NULL;
}

/*
 * Nobody can decipher what was received since the killed process last said how
 * far it was: that is less than these bytes.
 */
static void
count_lost(struct connection *c)
{
	uint64_t received;

	registry_stop_one(c->registry, &c->entry);
	received = sockets_bytes_received(c->entry.fd);
	received -= received < c->state_entry->header_size
			  ? received
			  : c->state_entry->header_size;
	if (received <= c->wire)
		return;
	c->bytes += received - c->wire;
	c->lost += received - c->wire;
	c->wire = received;
}

void
connection_resume(struct connection *c)
{
	bool is_bound = connection_has_lost_keys(c) && c->entry.fd >= 0;
	char text[64];

	if (is_bound)
		count_lost(c);
	/* Where something was lost, this is but a count, and no record. */
	receive_unfinished(c);
	if (c->lost == 0)
		return;
	/* With all records the note before them is lost. */
	if (c->proxied && c->lost == c->bytes)
		connection_note(c, c->proxied);
	snprintf(text, sizeof text, "lost bytes%s%llu",
		 is_bound ? "<=" : pool_lost_sign(&c->listener->pool),
		 (unsigned long long)c->lost);
	connection_borrow(c);
	/* `done` follows with the note: if we die first, the loss remains. */
	connection_progress_read(c);
	connection_note(c, text);
	atomic_fetch_add(&c->listener->events->lost_bytes, c->lost);
	c->lost = 0;
}
