/* SPDX-License-Identifier: MIT */
#include "system/state_legacy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/memory.h"
#include "record/framer.h"
#include "system/socket_match.h"
#include "system/sockets.h"

/* Places for listeners whose connections alone are left. */
#define SPARE 64

/* An entry of the ledger is at its key's place or one of the next. */
#define ENTRIES 16384
#define PLACES 64

/* In the key of a listener's entry; else it is a connection's number. */
#define OF_A_NAME ((uint64_t)1 << 63)

struct legacy_entry {
	uint64_t key;
	int64_t opened_ms;
	uint64_t read, done, records;
	uint64_t remaining; /* UDP: dropped */
	uint32_t : 32;
	uint8_t framing, digits;
	unsigned char count[STATE_DIGITS];
	uint8_t is_closed;
};

/*
 * What a restart has saved: this, then structures, each behind its heading.
 * They have no padding, and are not aligned.
 */
struct __attribute__((packed)) legacy_beginning {
	char magic[16];
	uint32_t listener_size, connection_size;
	uint64_t last_number;
};

enum legacy_kind { LEGACY_LISTENER = 1, LEGACY_CONNECTION };

struct __attribute__((packed)) legacy_heading {
	uint64_t kind, size;
};

struct __attribute__((packed)) legacy_listener {
	char key[168];
	uint64_t records, bytes, accepted, refused, lost, truncated;
	uint64_t numbered; /* UDP: the number of its last record */
	uint32_t dropped;
	uint32_t : 32;
};

struct __attribute__((packed)) legacy_connection {
	uint64_t number, records, bytes;
	int64_t opened_ms, received_ms, unfinished_ms, time_s, time_ns;
	uint64_t remaining;
	uint32_t framing;
	uint8_t inside, is_bad;
	uint16_t : 16;
	uint8_t peer[28];
	uint32_t peer_size;
	uint64_t held; /* bytes of the unfinished record, which follow */
};

/* Where a connection is in what was saved. */
struct legacy_place {
	uint64_t number;
	size_t at;
};

struct legacy {
	struct state state;                /* what is made of it all */
	const struct legacy_entry *ledger; /* NULL: there is none */
	const unsigned char *saved;
	struct legacy_place *places; /* by number; owned */
	size_t count;                /* of these */
};

/* The content of the descriptor of that name; NULL: there is none. */
static unsigned char *
read_file(const int *fds, char *const *names, size_t count, const char *name,
	  size_t *size)
{
	struct stat status = { 0 };
	size_t i = 0;

	while (i < count && (!names[i] || strcmp(names[i], name) != 0))
		i++;
	*size = 0;
	if (i == count || fstat(fds[i], &status) != 0 ||
	    !S_ISREG(status.st_mode))
		return NULL;
	*size = (size_t)status.st_size;
	return saved_bytes_read(fds[i], 0, *size);
}

/* The entry of that key, made if need be; NULL: there is no place. */
static struct state_listener *
listener_of(struct state *state, const char *key)
{
	struct state_listener *entry;

	for (size_t i = 0; i < state->header->listeners_used; i++)
		if (strcmp(state->listeners[i].key, key) == 0)
			return &state->listeners[i];
	entry = state_add_listener(state);
	if (entry)
		snprintf(entry->key, sizeof entry->key, "%s", key);
	return entry;
}

static void
add_saved_listener(struct state *state, const struct legacy_listener *saved)
{
	struct state_listener *entry;
	char key[FDSTORE_NAME];

	snprintf(key, sizeof key, "%.*s", (int)sizeof saved->key, saved->key);
	entry = listener_of(state, key);
	if (!entry)
		return;
	entry->counters.records = saved->records;
	entry->counters.bytes = saved->bytes;
	entry->counters.accepted = saved->accepted;
	entry->counters.refused = saved->refused;
	entry->counters.lost = saved->lost;
	entry->counters.truncated = saved->truncated;
	entry->progress.position[0].records = saved->numbered;
	entry->progress.position[0].dropped = saved->dropped;
}

/* One structure; false: it is damaged. */
static bool
add_saved(struct legacy *legacy, size_t at,
	  const struct legacy_heading *heading)
{
	const struct legacy_connection *connection =
		(const void *)(legacy->saved + at);

	if (heading->kind == LEGACY_LISTENER &&
	    heading->size == sizeof(struct legacy_listener)) {
		add_saved_listener(&legacy->state, (const void *)connection);
		return true;
	}
	if (heading->kind != LEGACY_CONNECTION ||
	    heading->size < sizeof *connection ||
	    heading->size - sizeof *connection != connection->held)
		return false;
	legacy->places[legacy->count++] =
		(struct legacy_place){ connection->number, at };
	return true;
}

/* false: from there on it is damaged. */
static bool
read_saved(struct legacy *legacy, size_t size)
{
	const struct legacy_beginning *beginning = (const void *)legacy->saved;
	const struct legacy_heading *heading;
	size_t at = sizeof *beginning;

	if (size < at ||
	    memcmp(beginning->magic, "portlog kept 1\n", 16) != 0 ||
	    beginning->listener_size != sizeof(struct legacy_listener) ||
	    beginning->connection_size != sizeof(struct legacy_connection))
		return false;
	legacy->state.header->numbers = beginning->last_number;
	for (; at < size; at += heading->size) {
		heading = (const void *)(legacy->saved + at);
		at += sizeof *heading;
		if (at > size || heading->size > size - at ||
		    !add_saved(legacy, at, heading))
			return false;
	}
	return true;
}

static int
compare(const void *a, const void *b)
{
	const struct legacy_place *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static const struct legacy_connection *
find_saved(const struct legacy *legacy, uint64_t number)
{
	const struct legacy_place wanted = { .number = number };
	const struct legacy_place *found = bsearch(
		&wanted, legacy->places, legacy->count, sizeof wanted, compare);

	return found ? (const void *)(legacy->saved + found->at) : NULL;
}

static const struct legacy_entry *
find_entry(const struct legacy *legacy, uint64_t key)
{
	for (size_t i = 0; legacy->ledger && i < PLACES; i++)
		if (legacy->ledger[(key + i) % ENTRIES].key == key)
			return &legacy->ledger[(key + i) % ENTRIES];
	return NULL;
}

/*
 * The ledger is never older than what was saved.  But where no process has
 * counted the drops of this socket yet, it is of an earlier one.
 */
static void
add_socket(struct legacy *legacy, const char *key, int fd)
{
	const struct legacy_entry *e =
		find_entry(legacy, bytes_hash(key, strlen(key)) | OF_A_NAME);
	size_t known = legacy->state.header->listeners_used;
	struct state_listener *entry = listener_of(&legacy->state, key);
	struct state_position *p;

	if (!entry)
		return;
	p = &entry->progress.position[0];
	entry->cookie = state_cookie(fd);
	if (!sockets_is_counted(fd)) {
		p->dropped = 0;
	} else if (e) {
		p->read = e->read;
		p->done = e->done;
		p->records = e->records;
		p->dropped = (uint32_t)e->remaining;
	} else if (entry == &legacy->state.listeners[known]) {
		p->dropped = sockets_dropped(fd);
	}
}

/* One of a socket unit has the listener's name. */
static void
add_passed(struct legacy *legacy, const char *name, int fd)
{
	struct address bound = { .size = sizeof bound.in6 };
	char address[ADDRESS_TEXT], interface[IF_NAMESIZE], key[FDSTORE_NAME];

	if (!sockets_is_listener(fd, PROTOCOL_UDP))
		return;
	getsockname(fd, &bound.any, &bound.size);
	address_format(&bound, address);
	sockets_get_interface(fd, interface);
	snprintf(key, sizeof key, "%.79s udp %s%s%s", name, address,
		 *interface ? " " : "", interface);
	fdstore_name(key, key);
	add_socket(legacy, key, fd);
}

/* FRAMING_REST was the number after these. */
static uint8_t
framing_of(unsigned framing)
{
	return framing <= FRAMING_EXACT ? (uint8_t)framing : FRAMING_REST;
}

/* As after a kill. */
static void
use_entry(struct state_connection *c, const struct legacy_entry *e)
{
	struct state_position *p = &c->progress.position[0];

	state_use(c, e->is_closed ? STATE_CLOSED : STATE_OPEN);
	c->opened_ms = e->opened_ms;
	p->read = e->read;
	p->done = e->done;
	p->records = e->records;
	p->remaining = e->remaining;
	p->framing = framing_of(e->framing);
	p->digits = e->digits;
	memcpy(p->count, e->count, sizeof p->count);
}

/* As after a restart, with the unfinished record. */
static void
use_saved(struct state_connection *c, const struct legacy_connection *saved,
	  uint64_t bytes_at)
{
	struct state_position *p = &c->progress.position[0];

	c->opened_ms = saved->opened_ms;
	c->peer_size = saved->peer_size;
	memcpy(c->peer, saved->peer, sizeof c->peer);
	c->saved = (struct state_saved){
		.bytes_at = bytes_at,
		.bytes = saved->held,
		.remaining = saved->remaining,
		.received_ms = saved->received_ms,
		.unfinished_ms = saved->unfinished_ms,
		.time_s = saved->time_s,
		.time_ns = saved->time_ns,
		.inside = saved->inside,
		.is_bad = saved->is_bad,
		.framing = framing_of(saved->framing),
	};
	p->read = saved->bytes;
	p->done = saved->bytes - saved->held;
	p->records = saved->records;
	p->is_saved = true;
}

/*
 * A process that was killed soon after a restart has left what that saved: then
 * the ledger is newer.  One that is in neither had no place in the ledger.
 */
static void
add_connection(struct legacy *legacy, uint64_t number, const char *key, int fd)
{
	struct state *state = &legacy->state;
	struct state_connection *c = state_claim(state, fd);
	const struct legacy_connection *saved = find_saved(legacy, number);
	const struct legacy_entry *e = find_entry(legacy, number);
	struct state_position *p = &c->progress.position[0];
	const struct state_listener *listener = listener_of(state, key);

	c->listener =
		listener ? (uint32_t)(listener - state->listeners) : UINT32_MAX;
	c->number = number;
	c->opened_ms = clock_now_ms();
	p->framing = FRAMING_UNSET;
	state_use(c, STATE_OPEN);
	if (e)
		use_entry(c, e);
	if (saved && saved->bytes >= p->read)
		use_saved(c, saved,
			  (uint64_t)((const unsigned char *)(saved + 1) -
				     legacy->saved));
	if (number > state->header->numbers)
		state->header->numbers = number;
}

/* The key in the name of a connection; NULL: it is no such name. */
static const char *
parse_name(const char *name, uint64_t *number)
{
	const char *key = NULL;

	if (fdstore_is_numbered(name, STATE_LEGACY_CONNECTION, number))
		key = strstr(name, " of ");
	return key ? key + strlen(" of ") : NULL;
}

static void
add_fds(struct legacy *legacy, const int *fds, char *const *names, size_t count)
{
	const size_t size = strlen(FDSTORE_LISTENER " ");
	uint64_t number;

	for (size_t i = 0; i < count; i++) {
		const char *key = parse_name(names[i], &number);

		if (key)
			add_connection(legacy, number, key, fds[i]);
		else if (strncmp(names[i], FDSTORE_LISTENER " ", size) == 0)
			add_socket(legacy, names[i] + size, fds[i]);
		else
			add_passed(legacy, names[i], fds[i]);
	}
	/* Those that have just ended are in the ledger too. */
	for (size_t i = 0; legacy->ledger && i < ENTRIES; i++) {
		number = legacy->ledger[i].key;
		if (number > legacy->state.header->numbers &&
		    !(number & OF_A_NAME))
			legacy->state.header->numbers = number;
	}
}

/* What is made of it, in the memory of a reader. */
static void
finish(struct legacy *legacy, struct state_reader *reader)
{
	struct state *state = &legacy->state;
	unsigned char *data = memory_zeroed(1, state->size);

	atomic_store(&state->header->is_whole, true);
	memcpy(data, state->header, state->size);
	if (!state_reader_take(reader, data, state->size))
		memory_missing();
	state_close(state);
	free(legacy->places);
}

static bool
convert(struct legacy *legacy, size_t saved_size, const int *fds,
	char *const *names, size_t count)
{
	bool is_sound;

	legacy->places =
		memory_zeroed(saved_size / sizeof(struct legacy_connection) + 1,
			      sizeof *legacy->places);
	is_sound = !legacy->saved || read_saved(legacy, saved_size);
	qsort(legacy->places, legacy->count, sizeof *legacy->places, compare);
	add_fds(legacy, fds, names, count);
	return is_sound;
}

bool
state_legacy_read(struct state_reader *reader, const int *fds,
		  char *const *names, size_t count)
{
	size_t saved_size, ledger_size, connections = 0;
	unsigned char *saved =
		read_file(fds, names, count, STATE_LEGACY_BYTES, &saved_size);
	unsigned char *ledger =
		read_file(fds, names, count, STATE_LEGACY_LEDGER, &ledger_size);
	struct legacy legacy = { .saved = saved };
	bool is_sound = true;
	uint64_t number;

	for (size_t i = 0; i < count; i++)
		connections += parse_name(names[i], &number) != NULL;
	if (ledger_size == ENTRIES * sizeof *legacy.ledger)
		legacy.ledger = (const void *)ledger;
	if (saved || ledger || connections > 0) {
		if (!state_open(&legacy.state, count - connections + SPARE,
				connections, 0))
			memory_missing();
		is_sound = convert(&legacy, saved_size, fds, names, count);
		finish(&legacy, reader);
	}
	free(saved);
	free(ledger);
	return is_sound;
}
