/* SPDX-License-Identifier: MIT */
/*
 * state_reader: what the process before this one left in its state, a copy.
 * It may be of another version, or damaged: no size, index or value of it is
 * trusted.  Main thread; no call blocks.
 */
#ifndef PORTLOG_SYSTEM_STATE_READER_H
#define PORTLOG_SYSTEM_STATE_READER_H

#include "system/state.h"

struct state_reader {
	unsigned char *data; /* owned; NULL: there is none, and all else is 0 */
	size_t size;
	int fd; /* of its file, as long as that is open; -1: none; borrowed */
	struct state_header header;
	size_t listener_count; /* entries */
	struct state_place
		*places; /* of connections in use, by cookie; owned */
	size_t place_count;
	size_t next_left; /* of these, to look at */
};

/*
 * Read it from a file, which is borrowed; false: it has none that is whole and
 * understood.
 */
bool state_reader_open(struct state_reader *, int fd);

/* The same of a copy that the caller allocated and no longer owns.  Pure. */
bool state_reader_take(struct state_reader *, unsigned char *data, size_t size);

void state_reader_close(struct state_reader *);

/* Entry i, of listener_count or header.used; the current position first. */
void state_reader_listener(const struct state_reader *, size_t i,
			   struct state_listener *);
void state_reader_connection(const struct state_reader *, size_t i,
			     struct state_connection *);

/* That of a socket, or a key; false, and all is zero: there is none. */
bool state_reader_find_listener(const struct state_reader *, uint64_t cookie,
				struct state_listener *);
bool state_reader_find_key(const struct state_reader *, const char *key,
			   struct state_listener *);

/*
 * Take over the run; no other process can take it from there once more.  false:
 * its process has not ended in order.
 */
bool state_reader_take_run(const struct state_reader *, char run[STATE_RUN]);

/* The number of the last record of any listener that has this key's name. */
uint64_t state_reader_last_record(const struct state_reader *, const char *key);

/*
 * Take the entry of a socket, once; then those that were not taken and whose
 * connections had not ended, one after the other.  false: there is none.
 */
bool state_reader_take_connection(struct state_reader *, uint64_t cookie,
				  struct state_connection *);
bool state_reader_take_left(struct state_reader *, struct state_connection *);

/* Whether a connection's unfinished record is in the bytes of a generation. */
bool state_reader_needs_bytes(const struct state_reader *, uint64_t generation);

/*
 * Datagrams, or bytes over a Unix socket, that the kernel had given to the
 * process, and that it could not count any more.
 */
unsigned state_reader_uncounted(const struct state_listener *);
unsigned state_reader_uncounted_bytes(const struct state_connection *);

#endif
