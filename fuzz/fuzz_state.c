/* SPDX-License-Identifier: MIT */
/*
 * fuzz_state: what a process left in its state.  Any bytes are refused, or read
 * to their end: this program finds each entry by the layout, and the code under
 * test must return what is there and take each connection once.
 *
 * If the first byte of an input is 'k', the next four are numbers and sizes:
 * listeners modulo 4, connections modulo 8, and how many bytes, for connections
 * times two, an entry has beyond a position.  A header follows that says so;
 * the other bytes are the entries, with zeros up to their end.
 */
#include "fuzz.h"

#include <stddef.h>

#include "record/framer.h"
#include "system/state_reader.h"

/* Of the header, where these stand. */
#define HEADER 64
#define SIZES 16

/* Of an entry: the position, and what follows it. */
#define POSITION 192
#define COOKIE_OF_LISTENER 192
#define USE 192
#define COOKIE 200

struct layout {
	uint32_t header, listener, connection;
	uint32_t listeners, connections, used, is_whole, listeners_used;
};

/* The bytes of an entry at an offset; zeros where it does not have them. */
static uint64_t
value_at(const uint8_t *entry, size_t entry_size, size_t at, size_t size)
{
	uint64_t value = 0;

	for (size_t i = 0; i < size && at + i < entry_size; i++)
		value |= (uint64_t)entry[at + i] << 8 * i;
	return value;
}

/* The current position is the first, and both have possible values. */
static void
check_position(const uint8_t *entry, const struct state_progress *progress,
	       size_t i)
{
	const uint8_t *raw = entry + 64 * ((entry[128] & 1) ^ i);
	const struct state_position *p = &progress->position[i];
	uint64_t read = value_at(raw, 64, 0, 8), done = value_at(raw, 64, 8, 8);

	REQUIRE(p->read == read);
	REQUIRE(p->done == (done < read ? done : read));
	REQUIRE(p->records == value_at(raw, 64, 16, 8));
	REQUIRE(p->framing <= FRAMING_LENGTH || p->framing >= FRAMING_REST);
	REQUIRE(p->digits <= STATE_DIGITS);
}

static void
check_progress(const uint8_t *entry, const struct state_progress *progress)
{
	REQUIRE(state_position(progress) == progress->position);
	check_position(entry, progress, 0);
	check_position(entry, progress, 1);
}

static void
check_listener(const struct state_reader *reader, size_t i,
	       const uint8_t *entry, const struct layout *layout)
{
	struct state_listener listener, found;
	uint64_t cookie =
		value_at(entry, layout->listener, COOKIE_OF_LISTENER, 8);

	state_reader_listener(reader, i, &listener);
	check_progress(entry, &listener.progress);
	REQUIRE(listener.cookie == cookie);
	REQUIRE(memchr(listener.key, '\0', sizeof listener.key) != NULL);
	REQUIRE(state_reader_uncounted(&listener) <= STATE_DATAGRAMS);
	if (strchr(listener.key, ' ') &&
	    reader->header.listener_size >= sizeof listener)
		REQUIRE(state_reader_last_record(reader, listener.key) >=
			state_position(&listener.progress)->records);
	/* Where an entry ends within its cookie, it has none. */
	REQUIRE(state_reader_find_listener(reader, cookie, &found) ==
		(cookie != 0 && layout->listener >= COOKIE_OF_LISTENER + 8));
	REQUIRE(found.cookie == 0 || found.cookie == cookie);
}

/* Returns whether it is open, and so has to be found. */
static bool
check_connection(const struct state_reader *reader, size_t i,
		 const uint8_t *entry, const struct layout *layout)
{
	struct state_connection c;

	state_reader_connection(reader, i, &c);
	check_progress(entry, &c.progress);
	REQUIRE(c.cookie == value_at(entry, layout->connection, COOKIE, 8));
	REQUIRE(c.peer_size <= sizeof c.peer);
	REQUIRE(c.told_size <= sizeof c.told);
	REQUIRE(c.header_size <= STATE_HEADER_MAX);
	REQUIRE(atomic_load(&c.proxy_header) <= STATE_HEADER_READ);
	REQUIRE(atomic_load(&c.tls) <= STATE_TLS_BEGUN);
	REQUIRE(c.saved.framing <= FRAMING_LENGTH ||
		c.saved.framing == FRAMING_REST);
	return value_at(entry, layout->connection, USE, 4) == STATE_OPEN;
}

/* Every second cookie is asked for; the open ones are left, each once. */
static void
check_taking(struct state_reader *reader, size_t used, size_t open)
{
	struct state_connection c, again;
	size_t taken = 0;

	for (size_t i = 0; i < used; i += 2) {
		state_reader_connection(reader, i, &c);
		if (!state_reader_take_connection(reader, c.cookie, &again))
			continue;
		REQUIRE(again.cookie == c.cookie);
		REQUIRE(atomic_load(&again.use) != STATE_FREE);
		taken += atomic_load(&again.use) == STATE_OPEN;
	}
	while (state_reader_take_left(reader, &c)) {
		REQUIRE(atomic_load(&c.use) == STATE_OPEN);
		taken++;
	}
	REQUIRE(taken == open);
	REQUIRE(!state_reader_take_left(reader, &c));
}

/* What a header smaller than ours lacks is 0. */
static struct layout
read_layout(const uint8_t *data, size_t size)
{
	struct layout layout = { 0 };
	uint32_t header;

	REQUIRE(size >= SIZES + sizeof header);
	memcpy(&header, data + SIZES, sizeof header);
	size = header < size ? header : size;
	REQUIRE(size > SIZES);
	size -= SIZES;
	memcpy(&layout, data + SIZES,
	       size < sizeof layout ? size : sizeof layout);
	return layout;
}

/* It was understood: so all that it says is in use is there. */
static void
check_read(struct state_reader *reader, const uint8_t *data, size_t size)
{
	struct layout layout = read_layout(data, size);
	uint64_t at = layout.header;
	uint64_t end = at + (uint64_t)layout.listeners * layout.listener;
	size_t open = 0;

	REQUIRE(layout.is_whole && layout.used <= layout.connections);
	REQUIRE(layout.listener >= POSITION && layout.connection >= POSITION);
	REQUIRE(end <= size);
	REQUIRE(layout.used <= (size - end) / layout.connection);
	REQUIRE(reader->listener_count ==
		(layout.listeners_used < layout.listeners
			 ? layout.listeners_used
			 : layout.listeners));
	for (size_t i = 0; i < reader->listener_count; i++)
		check_listener(reader, i, data + at + i * layout.listener,
			       &layout);
	for (size_t i = 0; i < layout.used; i++)
		open += check_connection(
			reader, i, data + end + i * layout.connection, &layout);
	check_taking(reader, layout.used, open);
}

/* The state that an input with 'k' stands for; to be freed. */
static uint8_t *
build(const uint8_t *data, size_t size, size_t *built)
{
	uint32_t listeners = data[1] % 4, used = data[2] % 8;
	struct layout layout = {
		.header = HEADER,
		.listener = POSITION + data[3],
		.connection = POSITION + 2 * data[4],
		.listeners = listeners,
		.connections = used,
		.used = used,
		.is_whole = 1,
		.listeners_used = listeners,
	};
	uint8_t *bytes;

	*built =
		HEADER + layout.listener * listeners + layout.connection * used;
	bytes = fuzz_memory(*built);
	memset(bytes, 0, *built);
	memcpy(bytes, STATE_MAGIC, sizeof STATE_MAGIC);
	memcpy(bytes + SIZES, &layout, sizeof layout);
	size -= 5;
	memcpy(bytes + HEADER, data + 5,
	       size < *built - HEADER ? size : *built - HEADER);
	return bytes;
}

int
fuzz_state(const uint8_t *data, size_t size)
{
	bool is_built = size >= 5 && data[0] == 'k';
	uint8_t *bytes =
		is_built ? build(data, size, &size) : fuzz_copy(data, size);
	struct state_reader reader;
	/* The reader owns the other copy. */
	bool is_read = state_reader_take(&reader, fuzz_copy(bytes, size), size);

	REQUIRE(is_read || (!is_built && !reader.data));
	if (is_read)
		check_read(&reader, bytes, size);
	state_reader_close(&reader);
	free(bytes);
	return 0;
}
