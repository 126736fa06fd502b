/* SPDX-License-Identifier: MIT */
/* check_state: a state with two listeners and three connections, to be read. */
#ifndef PORTLOG_TESTS_CHECK_STATE_H
#define PORTLOG_TESTS_CHECK_STATE_H

#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "record/framer.h"
#include "system/state_reader.h"

#define LISTENERS 2
#define CONNECTIONS 3
#define PLACES 4 /* for connections */
#define SOCKETS 6

static struct state state;
static int sockets[SOCKETS]; /* of the connections, then of the listeners */

static inline void
set_up(void)
{
	/* As under systemd: a file that another process can read. */
	setenv("NOTIFY_SOCKET", "/nowhere", 1);
	ck_assert(state_open(&state, LISTENERS, PLACES, 7));
	for (size_t i = 0; i < SOCKETS; i++) {
		sockets[i] = socket(AF_INET, SOCK_STREAM, 0);
		ck_assert_int_ge(sockets[i], 0);
	}
}

static inline void
clean_up(void)
{
	state_close(&state);
	for (size_t i = 0; i < SOCKETS; i++)
		close(sockets[i]);
}

static inline struct state_connection *
claim(size_t socket, uint64_t number)
{
	struct state_connection *entry = state_claim(&state, sockets[socket]);

	ck_assert_ptr_nonnull(entry);
	entry->number = number;
	state_use(entry, STATE_OPEN);
	return entry;
}

/* A copy of what was written; the reader owns it. */
static inline unsigned char *
copy_of(const void *data, size_t size)
{
	unsigned char *copy = malloc(size ? size : 1);

	memcpy(copy, data, size);
	return copy;
}

static inline void
take(struct state_reader *reader)
{
	ck_assert(state_reader_take(reader, copy_of(state.header, state.size),
				    state.size));
}

/* Two listeners and three connections: open, closed, open. */
static inline void
fill(void)
{
	for (size_t i = 0; i < LISTENERS; i++) {
		struct state_listener *l = state_add_listener(&state);
		struct state_position *p = state_next(&l->progress);

		l->cookie = state_cookie(sockets[CONNECTIONS + i]);
		l->key[0] = (char)('a' + i);
		atomic_store(&l->counters.records, 100 + i);
		p->read = 200 + i;
		state_publish(&l->progress);
	}
	for (size_t i = 0; i < CONNECTIONS; i++) {
		struct state_connection *c = claim(i, i + 1);
		struct state_position *p = state_next(&c->progress);

		c->listener = (uint32_t)(i % LISTENERS);
		c->opened_ms = -1;
		c->peer[27] = 1;
		c->peer_size = sizeof c->peer;
		c->saved.bytes = 300 + i;
		c->saved.framing = FRAMING_NUL;
		p->read = 20 + i;
		p->done = 10 + i;
		p->framing = FRAMING_LF;
		state_publish(&c->progress);
	}
	state_use(&state.connections[1], STATE_CLOSED);
	atomic_store(&state.header->numbers, 9);
	state_store(&state);
}

/* What the reader finds of those that fill() wrote. */
static inline void
check_filled(struct state_reader *reader)
{
	for (size_t i = 0; i < LISTENERS; i++) {
		struct state_listener l;

		ck_assert(state_reader_find_listener(
			reader, state.listeners[i].cookie, &l));
		ck_assert_uint_eq(state_position(&l.progress)->read, 200 + i);
		state_reader_listener(reader, i, &l);
		ck_assert_uint_eq(l.cookie, state.listeners[i].cookie);
	}
	for (size_t i = 0; i < CONNECTIONS; i++) {
		struct state_connection c;

		state_reader_connection(reader, i, &c);
		ck_assert_uint_eq(c.cookie, state.connections[i].cookie);
		ck_assert_uint_eq(c.listener, i % LISTENERS);
		ck_assert_uint_eq(c.number, i + 1);
		ck_assert_int_eq(c.opened_ms, -1);
		ck_assert_uint_eq(state_position(&c.progress)->read, 20 + i);
		ck_assert_uint_eq(state_position(&c.progress)->done, 10 + i);
		ck_assert_uint_eq(state_position(&c.progress)->framing,
				  FRAMING_LF);
	}
}

/* A state as of another version: its entries have other sizes. */
static inline unsigned char *
with_sizes(size_t header, size_t listener, size_t connection, size_t *size)
{
	const struct {
		const void *data;
		size_t count, ours, theirs;
	} parts[] = {
		{ state.header, 1, sizeof *state.header, header },
		{ state.listeners, LISTENERS, sizeof *state.listeners,
		  listener },
		{ state.connections, CONNECTIONS, sizeof *state.connections,
		  connection },
	};
	uint32_t sizes[] = { (uint32_t)header, (uint32_t)listener,
			     (uint32_t)connection };
	unsigned char *bytes, *to;

	*size = header + LISTENERS * listener + CONNECTIONS * connection;
	bytes = to = malloc(*size);
	for (size_t part = 0; part < 3; part++)
		for (size_t i = 0; i < parts[part].count; i++) {
			size_t ours = parts[part].ours;
			size_t theirs = parts[part].theirs;

			memset(to, 0xff, theirs);
			memcpy(to, (const char *)parts[part].data + i * ours,
			       ours < theirs ? ours : theirs);
			to += theirs;
		}
	memcpy(bytes + sizeof state.header->magic, sizes, sizeof sizes);
	return bytes;
}

#endif
