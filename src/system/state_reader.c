/* SPDX-License-Identifier: MIT */
#include "system/state_reader.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/framer.h"

/* Where the connection of a cookie is. */
struct state_place {
	uint64_t cookie;
	size_t place;
	bool is_taken;
};

static int
compare(const void *a, const void *b)
{
	uint64_t x = ((const struct state_place *)a)->cookie;
	uint64_t y = ((const struct state_place *)b)->cookie;

	return (x > y) - (x < y);
}

static size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Copy a structure that has another size there: what it lacks is 0. */
static void
copy(const struct state_reader *reader, size_t at, size_t theirs, void *out,
     size_t ours)
{
	memset(out, 0, ours);
	memcpy(out, reader->data + at, smaller(theirs, ours));
}

static size_t
connections_at(const struct state_header *header)
{
	return header->header_size +
	       (size_t)header->listeners * header->listener_size;
}

/* Sizes are 32 bits wide: their products and sums fit. */
static bool
is_sound(const struct state_reader *reader)
{
	const struct state_header *h = &reader->header;
	size_t used = atomic_load(&h->used);

	return memcmp(h->magic, STATE_MAGIC, sizeof STATE_MAGIC) == 0 &&
	       atomic_load(&h->is_whole) && used <= h->connections &&
	       h->listener_size >= sizeof(struct state_progress) &&
	       h->connection_size >= sizeof(struct state_progress) &&
	       h->header_size <= reader->size &&
	       connections_at(h) <= reader->size &&
	       used <= (reader->size - connections_at(h)) / h->connection_size;
}

/* Those that are free have no place. */
static bool
sort_places(struct state_reader *reader)
{
	size_t used = atomic_load(&reader->header.used);
	struct state_connection entry;

	reader->places = calloc(used + 1, sizeof *reader->places);
	for (size_t i = 0; reader->places && i < used; i++) {
		state_reader_connection(reader, i, &entry);
		if (atomic_load(&entry.use) != STATE_FREE)
			reader->places[reader->place_count++] =
				(struct state_place){ .cookie = entry.cookie,
						      .place = i };
	}
	if (reader->places)
		qsort(reader->places, reader->place_count,
		      sizeof *reader->places, compare);
	return reader->places;
}

/* What an older, smaller header lacks is 0. */
static void
read_header(struct state_reader *reader)
{
	struct state_header *h = &reader->header;
	uint32_t size;

	copy(reader, 0, reader->size, h, sizeof *h);
	size = h->header_size;
	copy(reader, 0, smaller(reader->size, size), h, sizeof *h);
	reader->listener_count =
		smaller(atomic_load(&h->listeners_used), h->listeners);
}

bool
state_reader_take(struct state_reader *reader, unsigned char *data, size_t size)
{
	*reader = (struct state_reader){ .data = data, .size = size, .fd = -1 };
	read_header(reader);
	if (is_sound(reader) && sort_places(reader))
		return true;
	state_reader_close(reader);
	return false;
}

/* As much of the file as its entries in use take. */
static size_t
size_in_use(int fd)
{
	struct state_header header = { 0 };
	struct stat status = { 0 };
	size_t size;

	fstat(fd, &status);
	size = (size_t)status.st_size;
	if (pread(fd, &header, sizeof header, 0) != sizeof header)
		return 0;
	return smaller(size, connections_at(&header) +
				     (size_t)atomic_load(&header.used) *
					     header.connection_size);
}

bool
state_reader_open(struct state_reader *reader, int fd)
{
	size_t size = size_in_use(fd);
	unsigned char *data = malloc(size + 1);

	*reader = (struct state_reader){ 0 };
	if (!data)
		return false;
	if (size == 0 || pread(fd, data, size, 0) != (ssize_t)size) {
		free(data);
		return false;
	}
	if (!state_reader_take(reader, data, size))
		return false;
	reader->fd = fd;
	return true;
}

void
state_reader_close(struct state_reader *reader)
{
	free(reader->data);
	free(reader->places);
	*reader = (struct state_reader){ 0 };
}

static void
check_position(struct state_position *p)
{
	if (p->done > p->read)
		p->done = p->read;
	if (p->framing != FRAMING_UNSET && !framing_is_known(p->framing))
		p->framing = FRAMING_REST;
	if (p->digits > STATE_DIGITS)
		p->digits = 0;
}

/* The current position first: it alone is sure to be whole. */
static void
check_progress(struct state_progress *progress)
{
	unsigned current = atomic_load(&progress->current) & 1;
	struct state_position other = progress->position[!current];

	progress->position[0] = progress->position[current];
	progress->position[1] = other;
	atomic_store(&progress->current, 0);
	check_position(&progress->position[0]);
	check_position(&progress->position[1]);
}

void
state_reader_listener(const struct state_reader *reader, size_t i,
		      struct state_listener *out)
{
	const struct state_header *h = &reader->header;

	copy(reader, h->header_size + i * h->listener_size, h->listener_size,
	     out, sizeof *out);
	check_progress(&out->progress);
	out->key[sizeof out->key - 1] = '\0';
}

void
state_reader_connection(const struct state_reader *reader, size_t i,
			struct state_connection *out)
{
	const struct state_header *h = &reader->header;

	copy(reader, connections_at(h) + i * h->connection_size,
	     h->connection_size, out, sizeof *out);
	check_progress(&out->progress);
	if (!framing_is_known(out->saved.framing))
		out->saved.framing = FRAMING_REST;
	if (out->peer_size > sizeof out->peer)
		out->peer_size = 0;
	if (out->told_size > sizeof out->told)
		out->told_size = 0;
	if (out->header_size > STATE_HEADER_MAX)
		out->header_size = 0;
	if (atomic_load(&out->proxy_header) > STATE_HEADER_READ)
		atomic_store(&out->proxy_header, STATE_HEADER_NONE);
	if (atomic_load(&out->tls) > STATE_TLS_BEGUN)
		atomic_store(&out->tls, STATE_TLS_BEGUN);
}

/* The listener that has these bytes there; only that is copied. */
static bool
find_listener(const struct state_reader *reader, size_t at, const void *bytes,
	      size_t size, struct state_listener *out)
{
	const struct state_header *h = &reader->header;

	for (size_t i = 0; i < reader->listener_count; i++) {
		const unsigned char *entry =
			reader->data + h->header_size + i * h->listener_size;

		if (at + size > h->listener_size ||
		    memcmp(entry + at, bytes, size) != 0)
			continue;
		state_reader_listener(reader, i, out);
		return true;
	}
	*out = (struct state_listener){ 0 };
	return false;
}

bool
state_reader_find_listener(const struct state_reader *reader, uint64_t cookie,
			   struct state_listener *out)
{
	*out = (struct state_listener){ 0 };
	/* 0: one that was absent. */
	return cookie != 0 &&
	       find_listener(reader, offsetof(struct state_listener, cookie),
			     &cookie, sizeof cookie, out);
}

bool
state_reader_find_key(const struct state_reader *reader, const char *key,
		      struct state_listener *out)
{
	return find_listener(reader, offsetof(struct state_listener, key), key,
			     strlen(key) + 1, out);
}

/* It stands in the log: what is damaged must not. */
static bool
is_run(const char run[STATE_RUN])
{
	return run[STATE_RUN - 1] == '\0' &&
	       strspn(run, "0123456789abcdef") == STATE_RUN - 1;
}

bool
state_reader_take_run(const struct state_reader *reader, char run[STATE_RUN])
{
	const struct state_header *h = &reader->header;
	const size_t at = offsetof(struct state_header, is_at_rest);
	const unsigned none = 0;

	/* Should systemd not get our state, it still has this one. */
	if (!atomic_load(&h->is_at_rest) || !is_run(h->run) ||
	    pwrite(reader->fd, &none, sizeof none, (off_t)at) != sizeof none)
		return false;
	memcpy(run, h->run, STATE_RUN);
	return true;
}

uint64_t
state_reader_last_record(const struct state_reader *reader, const char *key)
{
	const struct state_header *h = &reader->header;
	const size_t at = offsetof(struct state_listener, key);
	struct state_listener l;
	uint64_t last = 0;

	for (size_t i = 0; i < reader->listener_count; i++) {
		size_t entry = h->header_size + i * h->listener_size;

		if (h->listener_size < at + sizeof l.key ||
		    !state_is_same_name(key, (const char *)reader->data +
						     entry + at))
			continue;
		state_reader_listener(reader, i, &l);
		if (state_position(&l.progress)->records > last)
			last = state_position(&l.progress)->records;
	}
	return last;
}

bool
state_reader_take_connection(struct state_reader *reader, uint64_t cookie,
			     struct state_connection *out)
{
	struct state_place wanted = { .cookie = cookie }, *found = NULL;

	if (reader->places)
		found = bsearch(&wanted, reader->places, reader->place_count,
				sizeof wanted, compare);
	if (!found || found->is_taken)
		return false;
	found->is_taken = true;
	state_reader_connection(reader, found->place, out);
	return true;
}

bool
state_reader_take_left(struct state_reader *reader,
		       struct state_connection *out)
{
	while (reader->next_left < reader->place_count) {
		struct state_place *p = &reader->places[reader->next_left++];

		if (p->is_taken)
			continue;
		p->is_taken = true;
		state_reader_connection(reader, p->place, out);
		if (atomic_load(&out->use) == STATE_OPEN)
			return true;
	}
	return false;
}

bool
state_reader_needs_bytes(const struct state_reader *reader, uint64_t generation)
{
	for (size_t i = 0; i < reader->place_count; i++) {
		struct state_connection entry;

		state_reader_connection(reader, reader->places[i].place,
					&entry);
		if (state_may_be_saved(&entry.progress) &&
		    entry.saved.bytes > 0 && entry.saved.bytes_of == generation)
			return true;
	}
	return false;
}

unsigned
state_reader_uncounted(const struct state_listener *entry)
{
	const struct state_position *p = state_position(&entry->progress);
	unsigned count = 0;

	if (atomic_load(&entry->messages_turn) != p->turn + 1)
		return 0;
	while (count < STATE_DATAGRAMS &&
	       entry->messages[count].msg_len != STATE_UNFILLED)
		count++;
	return count;
}

unsigned
state_reader_uncounted_bytes(const struct state_connection *entry)
{
	const struct state_position *p = state_position(&entry->progress);

	return atomic_load(&entry->message_turn) != p->turn + 1 ||
			       entry->message.msg_len == STATE_UNFILLED
		     ? 0
		     : entry->message.msg_len;
}
