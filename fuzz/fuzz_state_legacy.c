/* SPDX-License-Identifier: MIT */
/*
 * fuzz_state_legacy: what release 0.1.0 left in the fd store.  Whatever it is,
 * the state that is made of it has each connection that is there, once, and
 * nothing of it points beyond what it was made of.
 *
 * The first byte of an input says how many entries of the ledger follow, of 64
 * bytes each; they go to the places of their keys.  The rest is what a restart
 * saved: if it begins with 'k', with the right beginning in place of that.
 */
#include "fuzz.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "record/framer.h"
#include "system/state_legacy.h"

#define ENTRIES 16384
#define ENTRY ((size_t)64)
#define BEGINNING 32

enum { FIRST, SECOND, SAVED, LEDGER, COUNT };

static char texts[COUNT][24] = { "connection 1 of a tcp x",
				 "connection 2 of b tcp y", "state",
				 "ledger 1" };
static char *const names[] = { texts[FIRST], texts[SECOND], texts[SAVED],
			       texts[LEDGER] };

/* The file of the ledger; returns how many bytes of the input it took. */
static size_t
write_ledger(int fd, const uint8_t *data, size_t size)
{
	size_t at = 0;

	REQUIRE(ftruncate(fd, ENTRIES * ENTRY) == 0);
	for (size_t i = 0; i < data[0] % 8 && size - at > ENTRY; i++) {
		uint64_t key;

		memcpy(&key, data + 1 + at, sizeof key);
		REQUIRE(pwrite(fd, data + 1 + at, ENTRY,
			       (off_t)(key % ENTRIES * ENTRY)) == ENTRY);
		at += ENTRY;
	}
	return at + 1;
}

static size_t
write_saved(int fd, const uint8_t *data, size_t size)
{
	static const char beginning[BEGINNING] =
		"portlog kept 1\n\0\350\0\0\0\170\0\0\0\11\0\0\0\0\0\0";
	size_t added = 0;

	if (size > 0 && data[0] == 'k') {
		added = BEGINNING;
		data++;
		size--;
		REQUIRE(write(fd, beginning, BEGINNING) == BEGINNING);
	}
	REQUIRE(write(fd, data, size) == (ssize_t)size);
	return size + added;
}

static void
check_connection(struct state_reader *reader, int fd, uint64_t number,
		 size_t saved_size)
{
	struct state_connection c;
	const struct state_position *p = &c.progress.position[0];

	REQUIRE(state_reader_take_connection(reader, state_cookie(fd), &c));
	REQUIRE(c.number == number);
	REQUIRE(c.listener < reader->listener_count || c.listener > ENTRIES);
	REQUIRE(c.peer_size <= sizeof c.peer);
	REQUIRE(p->done <= p->read);
	REQUIRE(p->digits <= STATE_DIGITS);
	REQUIRE(p->framing <= FRAMING_EXACT || p->framing >= FRAMING_REST);
	if (p->is_saved) {
		REQUIRE(c.saved.bytes_of == 0);
		REQUIRE(c.saved.bytes_at <= saved_size);
		REQUIRE(c.saved.bytes <= saved_size - c.saved.bytes_at);
		REQUIRE(c.saved.framing <= FRAMING_EXACT ||
			c.saved.framing == FRAMING_REST);
	}
	REQUIRE(!state_reader_take_connection(reader, state_cookie(fd), &c));
}

static void
check_listeners(const struct state_reader *reader)
{
	for (size_t i = 0; i < reader->listener_count; i++) {
		struct state_listener listener;

		state_reader_listener(reader, i, &listener);
		REQUIRE(memchr(listener.key, '\0', sizeof listener.key));
	}
}

int
fuzz_state_legacy(const uint8_t *data, size_t size)
{
	struct state_reader reader = { 0 };
	struct state_connection left;
	int fds[COUNT];
	size_t taken, saved_size;

	if (size == 0)
		return 0;
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	fds[SAVED] = memfd_create("state", MFD_CLOEXEC);
	fds[LEDGER] = memfd_create("ledger", MFD_CLOEXEC);
	taken = write_ledger(fds[LEDGER], data, size);
	saved_size = write_saved(fds[SAVED], data + taken, size - taken);
	state_legacy_read(&reader, fds, names, COUNT);
	REQUIRE(reader.header.generation == 0);
	REQUIRE(atomic_load(&reader.header.numbers) >= 2);
	check_listeners(&reader);
	check_connection(&reader, fds[FIRST], 1, saved_size);
	check_connection(&reader, fds[SECOND], 2, saved_size);
	REQUIRE(!state_reader_take_left(&reader, &left));
	state_reader_close(&reader);
	for (size_t i = 0; i < COUNT; i++)
		close(fds[i]);
	return 0;
}
