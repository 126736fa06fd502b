/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/bytes.h"
#include "record/framer.h"
#include "system/state_legacy.h"

#define ENTRIES 16384

/* As 0.1.0 wrote them, see state_legacy.c; none has padding. */
struct entry {
	uint64_t key;
	int64_t opened_ms;
	uint64_t read, done, records, due;
	int32_t owner;
	uint8_t framing, digits;
	char count[9];
	uint8_t closed;
};

struct saved {
	uint64_t kind, size; /* heading */
	uint64_t number, records, bytes;
	int64_t opened_ms, received_ms, unfinished_ms, time_s, time_ns;
	uint64_t due;
	uint32_t framing;
	uint8_t inside, is_bad, reserved[2], peer[28];
	uint32_t peer_size;
	uint64_t held;
};

#define BEGINNING 32
#define HEADING 16
#define CONNECTION (sizeof(struct saved) - HEADING)
#define HELD 3

/* What systemd passes: two connections, the state and the ledger. */
static int fds[4];
static char texts[][24] = { "connection 7 of a tcp x",
			    "connection 8 of b tcp y", "state", "ledger 1" };
static char *const names[] = { texts[0], texts[1], texts[2], texts[3] };

static struct entry *ledger;
static struct buffer state;

static void
setup(void)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	fds[2] = memfd_create("state", MFD_CLOEXEC);
	fds[3] = memfd_create("ledger", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(fds[3], ENTRIES * sizeof *ledger), 0);
	ledger = mmap(NULL, ENTRIES * sizeof *ledger, PROT_READ | PROT_WRITE,
		      MAP_SHARED, fds[3], 0);
	ck_assert_ptr_ne(ledger, MAP_FAILED);
	buffer_add(&state, "portlog kept 1\n", 16);
	buffer_add(&state, "\350\0\0\0\170\0\0\0\11\0\0\0\0\0\0", 16);
}

static void
teardown(void)
{
	for (size_t i = 0; i < 4; i++)
		close(fds[i]);
	munmap(ledger, ENTRIES * sizeof *ledger);
	buffer_free(&state);
}

static void
add_saved(struct saved saved)
{
	saved.kind = 2;
	saved.held = HELD;
	saved.size = CONNECTION + HELD;
	buffer_add(&state, &saved, sizeof saved);
	buffer_add(&state, "two", HELD);
}

static bool
read_size(struct state_reader *reader, size_t size)
{
	ck_assert_int_eq(ftruncate(fds[2], 0), 0);
	ck_assert_int_eq(pwrite(fds[2], state.data, size, 0), (ssize_t)size);
	*reader = (struct state_reader){ 0 };
	return state_legacy_read(reader, fds, names, 4);
}

/* What the next process knows of that connection. */
static struct state_connection
take(struct state_reader *reader, size_t i)
{
	struct state_connection c;

	ck_assert(
		state_reader_take_connection(reader, state_cookie(fds[i]), &c));
	ck_assert_uint_eq(c.number, 7 + i);
	ck_assert_uint_lt(c.listener, reader->listener_count);
	return c;
}

static struct state_connection
read_first(void)
{
	struct state_reader reader;
	struct state_connection c;

	ck_assert(read_size(&reader, state.size));
	c = take(&reader, 0);
	state_reader_close(&reader);
	return c;
}

START_TEST(where_nothing_is_of_0_1_0_there_is_no_state)
{
	char other[][16] = { "listener 5", "tcp/8888", "state 6", "bytes 6" };
	char *const others[] = { other[0], other[1], other[2], other[3] };
	struct state_reader reader = { 0 };

	ck_assert(state_legacy_read(&reader, fds, others, 4));
	ck_assert(state_legacy_read(&reader, fds, others, 0));
	ck_assert_ptr_null(reader.data);
}
END_TEST

START_TEST(a_restart_has_saved_all_of_a_connection)
{
	struct state_connection c;
	const struct state_position *p = &c.progress.position[0];

	add_saved((struct saved){ .number = 8 });
	add_saved((struct saved){ .number = 7,
				  .records = 2,
				  .bytes = 10,
				  .opened_ms = 3,
				  .received_ms = 4,
				  .unfinished_ms = 5,
				  .time_s = 6,
				  .time_ns = 7,
				  .due = 8,
				  .framing = FRAMING_OCTET_COUNTED,
				  .inside = 1,
				  .is_bad = 1,
				  .peer = { 9 },
				  .peer_size = 28 });
	c = read_first();
	ck_assert_uint_eq(atomic_load(&c.use), STATE_OPEN);
	ck_assert(p->is_saved);
	ck_assert_uint_eq(p->read, 10);
	ck_assert_uint_eq(p->done, 7);
	ck_assert_uint_eq(p->records, 2);
	ck_assert_int_eq(c.opened_ms, 3);
	ck_assert_int_eq(c.saved.received_ms, 4);
	ck_assert_int_eq(c.saved.unfinished_ms, 5);
	ck_assert_int_eq(c.saved.time_s, 6);
	ck_assert_int_eq(c.saved.time_ns, 7);
	ck_assert_uint_eq(c.saved.remaining, 8);
	ck_assert_uint_eq(c.saved.framing, FRAMING_OCTET_COUNTED);
	ck_assert(c.saved.inside && c.saved.is_bad);
	ck_assert_uint_eq(c.peer[0], 9);
	ck_assert_uint_eq(c.peer_size, 28);
	ck_assert_uint_eq(c.saved.bytes, HELD);
	ck_assert_uint_eq(c.saved.bytes_of, 0);
	ck_assert_uint_eq(c.saved.bytes_at, state.size - HELD);
}
END_TEST

START_TEST(after_a_kill_the_ledger_has_the_position)
{
	struct state_connection c;
	const struct state_position *p = &c.progress.position[0];

	/* At the last of the places of its key. */
	for (size_t i = 0; i < 63; i++)
		ledger[7 + i].key = 7 + ENTRIES;
	ledger[7 + 63] = (struct entry){ .key = 7,
					 .opened_ms = 1,
					 .read = 10,
					 .done = 9,
					 .records = 3,
					 .due = 4,
					 .framing = FRAMING_OCTET_COUNTED,
					 .digits = 2,
					 .count = "12" };
	c = read_first();
	ck_assert_uint_eq(atomic_load(&c.use), STATE_OPEN);
	ck_assert(!p->is_saved);
	ck_assert_uint_eq(p->read, 10);
	ck_assert_uint_eq(p->done, 9);
	ck_assert_uint_eq(p->records, 3);
	ck_assert_uint_eq(p->remaining, 4);
	ck_assert_uint_eq(p->framing, FRAMING_OCTET_COUNTED);
	ck_assert_uint_eq(p->digits, 2);
	ck_assert_mem_eq(p->count, "12", 2);
	ck_assert_int_eq(c.opened_ms, 1);
	ledger[70].closed = 1;
	c = read_first();
	ck_assert_uint_eq(atomic_load(&c.use), STATE_CLOSED);
}
END_TEST

/* The ledger has read 10 bytes. */
START_TEST(the_ledger_wins_where_it_has_read_more)
{
	struct state_connection c;

	ledger[7] = (struct entry){ .key = 7, .read = 10, .done = 9 };
	add_saved((struct saved){ .number = 7, .bytes = (uint64_t)_i });
	c = read_first();
	ck_assert_uint_eq(state_position(&c.progress)->is_saved, _i >= 10);
	ck_assert_uint_eq(state_position(&c.progress)->read, _i > 10 ? _i : 10);
}
END_TEST

START_TEST(one_that_is_in_neither_is_as_configured)
{
	struct state_connection c = read_first();
	const struct state_position *p = state_position(&c.progress);

	ck_assert_uint_eq(atomic_load(&c.use), STATE_OPEN);
	ck_assert_uint_eq(p->framing, FRAMING_UNSET);
	ck_assert_uint_eq(p->read, 0);
	ck_assert_int_gt(c.opened_ms, 0);
}
END_TEST

START_TEST(no_number_is_used_again)
{
	struct state_reader reader;
	const uint64_t numbers[] = { 9, 10, 8 };

	if (_i == 1)
		ledger[3].key = 10;
	ledger[4].key = UINT64_C(1) << 63 | 99; /* of a name */
	ck_assert_int_eq(read_size(&reader, _i == 2 ? 0 : state.size), _i != 2);
	ck_assert_uint_eq(atomic_load(&reader.header.numbers), numbers[_i]);
	ck_assert_uint_eq(reader.header.generation, 0);
	state_reader_close(&reader);
}
END_TEST

/* What stands before the cut is understood. */
START_TEST(a_state_of_any_length_is_read_as_far_as_it_goes)
{
	size_t first;

	add_saved((struct saved){ .number = 7, .bytes = 4 });
	first = state.size;
	add_saved((struct saved){ .number = 8, .bytes = 5 });
	for (size_t size = 0; size <= state.size; size++) {
		struct state_reader reader;
		struct state_connection c;

		ck_assert_int_eq(read_size(&reader, size),
				 size == BEGINNING || size == first ||
					 size == state.size);
		c = take(&reader, 0);
		ck_assert_uint_eq(state_position(&c.progress)->is_saved,
				  size >= first);
		c = take(&reader, 1);
		ck_assert_uint_eq(state_position(&c.progress)->is_saved,
				  size == state.size);
		state_reader_close(&reader);
	}
}
END_TEST

START_TEST(any_byte_may_be_changed)
{
	add_saved((struct saved){ .number = 7, .bytes = 4 });
	add_saved((struct saved){ .number = 8, .bytes = 5 });
	for (size_t i = 0; i < state.size; i++) {
		struct state_reader reader;
		struct state_connection c;

		state.data[i] = (char)~state.data[i];
		read_size(&reader, state.size);
		for (size_t k = 0; k < 2; k++) {
			const struct state_position *p;

			c = take(&reader, k);
			p = state_position(&c.progress);
			ck_assert_uint_le(p->done, p->read);
			if (p->is_saved)
				ck_assert_uint_le(c.saved.bytes_at +
							  c.saved.bytes,
						  state.size);
		}
		state_reader_close(&reader);
		state.data[i] = (char)~state.data[i];
	}
}
END_TEST

START_TEST(a_ledger_of_another_size_is_not_read)
{
	struct state_connection c;

	ledger[7] = (struct entry){ .key = 7, .read = 10 };
	ck_assert_int_eq(
		ftruncate(fds[3], (off_t)(ENTRIES * sizeof *ledger) + _i), 0);
	c = read_first();
	ck_assert_uint_eq(state_position(&c.progress)->read, _i == 0 ? 10 : 0);
}
END_TEST

SUITE(state_legacy)
{
	Suite *suite = suite_create("state_legacy");
	TCase *tests = tcase_create("state_legacy");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, where_nothing_is_of_0_1_0_there_is_no_state);
	tcase_add_test(tests, a_restart_has_saved_all_of_a_connection);
	tcase_add_test(tests, after_a_kill_the_ledger_has_the_position);
	tcase_add_loop_test(tests, the_ledger_wins_where_it_has_read_more, 9,
			    12);
	tcase_add_test(tests, one_that_is_in_neither_is_as_configured);
	tcase_add_loop_test(tests, no_number_is_used_again, 0, 3);
	tcase_add_test(tests, a_state_of_any_length_is_read_as_far_as_it_goes);
	tcase_add_test(tests, any_byte_may_be_changed);
	tcase_add_loop_test(tests, a_ledger_of_another_size_is_not_read, -1, 2);
	suite_add_tcase(suite, tests);
	return suite;
}
