/* SPDX-License-Identifier: MIT */
#include "check_state.h"

#include <sys/mman.h>

START_TEST(an_entry_without_a_position_is_refused)
{
	size_t small = sizeof(struct state_progress) - 1, size;
	struct state_reader reader;
	unsigned char *bytes;

	fill();
	bytes = with_sizes(sizeof *state.header, small,
			   sizeof *state.connections, &size);
	ck_assert(!state_reader_take(&reader, bytes, size));
	bytes = with_sizes(sizeof *state.header, sizeof *state.listeners, small,
			   &size);
	ck_assert(!state_reader_take(&reader, bytes, size));
	ck_assert_ptr_null(reader.data);
}
END_TEST

START_TEST(it_is_not_read_before_it_is_whole)
{
	struct state_reader reader;

	ck_assert(!state_reader_take(&reader, copy_of(state.header, state.size),
				     state.size));
	state_store(&state);
	take(&reader);
	state_reader_close(&reader);
}
END_TEST

/*
 * Read damaged bytes to their end, in a copy of the exact size: a sanitizer
 * sees any access beyond it.  Returns whether they were understood.
 */
static bool
is_harmless(const unsigned char *bytes, size_t size)
{
	struct state_reader reader;
	struct state_connection c;
	struct state_listener l;
	size_t taken = 0;

	if (!state_reader_take(&reader, copy_of(bytes, size), size)) {
		ck_assert_ptr_null(reader.data);
		ck_assert_uint_eq(reader.listener_count, 0);
		return false;
	}
	for (size_t i = 0; i < reader.listener_count; i++) {
		state_reader_listener(&reader, i, &l);
		ck_assert_ptr_nonnull(memchr(l.key, '\0', sizeof l.key));
		ck_assert_uint_le(state_reader_uncounted(&l), STATE_DATAGRAMS);
	}
	while (state_reader_take_left(&reader, &c)) {
		const struct state_position *p = state_position(&c.progress);

		ck_assert_uint_le(p->done, p->read);
		ck_assert_uint_le(p->digits, STATE_DIGITS);
		ck_assert(framing_is_known(p->framing) ||
			  p->framing == FRAMING_UNSET);
		ck_assert(framing_is_known(c.saved.framing));
		ck_assert_uint_le(c.peer_size, sizeof c.peer);
		ck_assert_uint_le(c.told_size, sizeof c.told);
		ck_assert_uint_le(c.header_size, STATE_HEADER_MAX);
		ck_assert_uint_le(atomic_load(&c.proxy_header),
				  STATE_HEADER_READ);
		taken++;
	}
	ck_assert_uint_le(taken, atomic_load(&reader.header.used));
	ck_assert(!state_reader_take_connection(&reader, 1, &c));
	state_reader_find_listener(&reader, 1, &l);
	state_reader_close(&reader);
	return true;
}

START_TEST(cut_at_any_byte_it_is_refused)
{
	const unsigned char *bytes = (const unsigned char *)state.header;
	size_t needed;

	fill();
	needed = state.size - sizeof *state.connections;
	for (size_t size = 0; size <= state.size; size++)
		ck_assert_msg(is_harmless(bytes, size) == (size >= needed),
			      "%zu", size);
}
END_TEST

START_TEST(any_value_of_the_header_is_refused_or_harmless)
{
	static const uint64_t values[] = { 0,          1,           INT32_MAX,
					   INT32_MIN,  UINT32_MAX,  INT64_MAX,
					   UINT64_MAX, 0x100000000, 191 };
	unsigned char *bytes;

	fill();
	bytes = copy_of(state.header, state.size);
	for (size_t at = 0; at < sizeof *state.header; at += 4)
		for (size_t v = 0; v < sizeof values / sizeof *values; v++)
			for (size_t size = 4; size <= 8; size += 4) {
				if (at + size > sizeof *state.header)
					continue;
				memcpy(bytes + at, &values[v], size);
				is_harmless(bytes, state.size);
				memcpy(bytes + at, (char *)state.header + at,
				       size);
			}
	ck_assert(is_harmless(bytes, state.size));
	free(bytes);
}
END_TEST

START_TEST(any_byte_may_be_changed)
{
	unsigned char *bytes;

	fill();
	bytes = copy_of(state.header, state.size);
	for (size_t i = 0; i < state.size; i++) {
		bytes[i] ^= 0xff;
		is_harmless(bytes, state.size);
		bytes[i] ^= 0xff;
	}
	free(bytes);
}
END_TEST

START_TEST(impossible_values_are_made_possible_ones)
{
	struct state_connection *entry, c;
	struct state_reader reader;
	struct state_position *p;

	fill();
	entry = &state.connections[0];
	p = state_next(&entry->progress);
	p->done = p->read + 1;
	p->framing = FRAMING_REST - 1;
	p->digits = STATE_DIGITS + 1;
	state_publish(&entry->progress);
	atomic_store(&entry->progress.current, 2); /* as 0 */
	entry->peer_size = sizeof entry->peer + 1;
	entry->saved.framing = FRAMING_UNSET;
	entry->told_size = sizeof entry->told + 1;
	entry->header_size = STATE_HEADER_MAX + 1;
	atomic_store(&entry->proxy_header, STATE_HEADER_READ + 1);
	take(&reader);
	state_reader_connection(&reader, 0, &c);
	ck_assert_uint_eq(state_position(&c.progress)->read, 20);
	ck_assert_uint_eq(state_position(&c.progress)->done, 20);
	ck_assert_uint_eq(state_position(&c.progress)->framing, FRAMING_REST);
	ck_assert_uint_eq(state_position(&c.progress)->digits, 0);
	ck_assert_uint_eq(c.saved.framing, FRAMING_REST);
	ck_assert_uint_eq(c.peer_size, 0);
	ck_assert_uint_eq(c.told_size, 0);
	ck_assert_uint_eq(c.header_size, 0);
	ck_assert_uint_eq(atomic_load(&c.proxy_header), STATE_HEADER_NONE);
	state_reader_close(&reader);
}
END_TEST

/* Damage only: then the one that is in use counts. */
START_TEST(of_two_of_one_socket_one_is_taken)
{
	struct state_reader reader;
	struct state_connection c;

	fill();
	state.connections[0].cookie = state.connections[1].cookie =
		state.connections[2].cookie;
	for (size_t i = 0; i < CONNECTIONS; i++)
		state_use(&state.connections[i],
			  i == (size_t)_i ? STATE_OPEN : STATE_FREE);
	take(&reader);
	ck_assert(state_reader_take_connection(
		&reader, state.connections[0].cookie, &c));
	ck_assert_uint_eq(c.number, (size_t)_i + 1);
	ck_assert(!state_reader_take_left(&reader, &c));
	state_reader_close(&reader);
}
END_TEST

START_TEST(no_other_file_is_read)
{
	int file = memfd_create("test", 0), pair[2];
	struct state_header header = { .magic = STATE_MAGIC };
	struct state_reader reader;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert(!state_reader_open(&reader, -1));
	ck_assert(!state_reader_open(&reader, pair[0]));
	ck_assert(!state_reader_open(&reader, file));
	/* One that is not there to its end, and says that it is larger. */
	memset(&header.header_size, 0xff,
	       sizeof header - offsetof(struct state_header, header_size));
	ck_assert_int_eq(pwrite(file, &header, sizeof header, 0),
			 sizeof header);
	ck_assert(!state_reader_open(&reader, file));
	ck_assert_ptr_null(reader.data);
	close(file);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

SUITE(state_damage)
{
	Suite *suite = suite_create("state_damage");
	TCase *tests = tcase_create("state_damage");

	tcase_add_checked_fixture(tests, set_up, clean_up);
	tcase_set_timeout(tests, 20);
	tcase_add_test(tests, an_entry_without_a_position_is_refused);
	tcase_add_test(tests, it_is_not_read_before_it_is_whole);
	tcase_add_test(tests, cut_at_any_byte_it_is_refused);
	tcase_add_test(tests, any_value_of_the_header_is_refused_or_harmless);
	tcase_add_test(tests, any_byte_may_be_changed);
	tcase_add_test(tests, impossible_values_are_made_possible_ones);
	tcase_add_loop_test(tests, of_two_of_one_socket_one_is_taken, 0,
			    CONNECTIONS);
	tcase_add_test(tests, no_other_file_is_read);
	suite_add_tcase(suite, tests);
	return suite;
}
