/* SPDX-License-Identifier: MIT */
#include "check_state.h"

START_TEST(all_that_was_written_is_read)
{
	struct state_connection c;
	struct state_listener l;
	struct state_reader reader;

	fill();
	take(&reader);
	ck_assert_uint_eq(reader.header.generation, 7);
	ck_assert_uint_eq(reader.listener_count, LISTENERS);
	ck_assert_uint_eq(atomic_load(&reader.header.used), CONNECTIONS);
	ck_assert_uint_eq(atomic_load(&reader.header.numbers), 9);
	check_filled(&reader);
	state_reader_listener(&reader, 1, &l);
	ck_assert_str_eq(l.key, "b");
	ck_assert_uint_eq(atomic_load(&l.counters.records), 101);
	state_reader_connection(&reader, 2, &c);
	ck_assert_uint_eq(c.peer[27], 1);
	ck_assert_uint_eq(c.peer_size, sizeof c.peer);
	ck_assert_uint_eq(c.saved.bytes, 302);
	ck_assert_uint_eq(c.saved.framing, FRAMING_NUL);
	state_reader_close(&reader);
}
END_TEST

START_TEST(a_listener_that_is_not_there_is_all_zero)
{
	static const struct state_listener zero;
	struct state_listener l = { .cookie = 1 };
	struct state_reader reader;

	fill();
	take(&reader);
	ck_assert(!state_reader_find_listener(&reader, state_cookie(sockets[0]),
					      &l));
	ck_assert_mem_eq(&l, &zero, sizeof l);
	ck_assert(!state_reader_find_listener(&reader, 0, &l));
	state_reader_close(&reader);
	ck_assert(!state_reader_find_listener(&reader,
					      state.listeners[0].cookie, &l));
}
END_TEST

START_TEST(each_connection_is_taken_once)
{
	struct state_reader reader;
	struct state_connection c;

	fill();
	take(&reader);
	for (size_t i = 0; i < CONNECTIONS; i++) {
		ck_assert(state_reader_take_connection(
			&reader, state_cookie(sockets[i]), &c));
		ck_assert_uint_eq(c.number, i + 1);
		ck_assert_int_eq(atomic_load(&c.use),
				 i == 1 ? STATE_CLOSED : STATE_OPEN);
		ck_assert(!state_reader_take_connection(
			&reader, state_cookie(sockets[i]), &c));
	}
	ck_assert(!state_reader_take_connection(
		&reader, state_cookie(sockets[CONNECTIONS]), &c));
	ck_assert(!state_reader_take_left(&reader, &c));
	state_reader_close(&reader);
}
END_TEST

START_TEST(those_that_had_not_ended_are_left)
{
	struct state_reader reader;
	struct state_connection c;
	uint64_t sum = 0;

	fill();
	state_release(&state, claim(4, 4));
	take(&reader);
	while (state_reader_take_left(&reader, &c)) {
		ck_assert_int_eq(atomic_load(&c.use), STATE_OPEN);
		ck_assert(!state_reader_take_connection(&reader, c.cookie, &c));
		sum += c.number;
	}
	ck_assert_uint_eq(sum, 1 + 3);
	ck_assert(!state_reader_take_left(&reader, &c));
	state_reader_close(&reader);
}
END_TEST

START_TEST(what_an_older_version_did_not_have_is_zero)
{
	static const struct state_saved no_saved;
	size_t listener = offsetof(struct state_listener, counters), size;
	size_t connection = offsetof(struct state_connection, peer);
	struct state_connection c;
	struct state_listener l;
	struct state_reader reader;
	unsigned char *bytes;

	fill();
	bytes = with_sizes(offsetof(struct state_header, numbers), listener,
			   connection, &size);
	ck_assert(state_reader_take(&reader, bytes, size));
	ck_assert_uint_eq(reader.header.generation, 7);
	ck_assert_uint_eq(atomic_load(&reader.header.numbers), 0);
	check_filled(&reader);
	state_reader_listener(&reader, 0, &l);
	ck_assert_str_eq(l.key, "a");
	ck_assert_uint_eq(atomic_load(&l.counters.records), 0);
	ck_assert_uint_eq(state_reader_uncounted(&l), 0);
	state_reader_connection(&reader, 0, &c);
	ck_assert_uint_eq(c.peer_size, 0);
	ck_assert_uint_eq(c.told_size, 0);
	ck_assert_uint_eq(atomic_load(&c.proxy_header), STATE_HEADER_NONE);
	ck_assert_mem_eq(&c.saved, &no_saved, sizeof no_saved);
	state_reader_close(&reader);
}
END_TEST

START_TEST(what_a_newer_version_has_beyond_ours_is_left_out)
{
	struct state_connection c;
	struct state_reader reader;
	unsigned char *bytes;
	size_t size;

	fill();
	bytes = with_sizes(sizeof *state.header + 1,
			   sizeof *state.listeners + 3,
			   sizeof *state.connections + 1000, &size);
	ck_assert(state_reader_take(&reader, bytes, size));
	ck_assert_uint_eq(atomic_load(&reader.header.numbers), 9);
	check_filled(&reader);
	state_reader_connection(&reader, 2, &c);
	ck_assert_uint_eq(c.saved.bytes, 302);
	state_reader_close(&reader);
}
END_TEST

START_TEST(a_run_is_taken_once_and_only_where_its_process_has_ended)
{
	struct state_reader reader;
	char run[STATE_RUN] = "";

	fill();
	if (state.fd < 0)
		return;
	for (int turn = 0; turn < 3; turn++) {
		atomic_store(&state.header->is_at_rest, turn > 0);
		ck_assert(state_reader_open(&reader, state.fd));
		ck_assert(state_reader_take_run(&reader, run) == (turn > 0));
		ck_assert_str_eq(run, turn > 0 ? state.header->run : "");
		ck_assert(!atomic_load(&state.header->is_at_rest));
		state_reader_close(&reader);
		ck_assert(state_reader_open(&reader, state.fd));
		ck_assert(!state_reader_take_run(&reader, run));
		state_reader_close(&reader);
	}
}
END_TEST

static const char damaged[][STATE_RUN] = {
	{ "" },
	{ "0123456789abcde" },
	{ "0123456789abcdeF" },
	{ "01234567\"9abcdef" },
	{ '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd',
	  'e', 'f', '0' },
};

START_TEST(a_run_that_is_damaged_is_not_taken)
{
	struct state_reader reader;
	char run[STATE_RUN] = "";

	fill();
	if (state.fd < 0)
		return;
	atomic_store(&state.header->is_at_rest, true);
	memcpy(state.header->run, damaged[_i], STATE_RUN);
	ck_assert(state_reader_open(&reader, state.fd));
	ck_assert(!state_reader_take_run(&reader, run));
	ck_assert_str_eq(run, "");
	state_reader_close(&reader);
}
END_TEST

START_TEST(the_last_record_is_that_of_a_name)
{
	static const struct {
		const char *keys[LISTENERS], *key;
		uint64_t records[LISTENERS], last;
	} cases[] = {
		{ { "a udp 1", "b udp 2" }, "a udp 3", { 5, 9 }, 5 },
		{ { "a udp 1", "b udp 2" }, "b udp 1", { 5, 9 }, 9 },
		{ { "a udp 1", "a udp 2" }, "a udp 3", { 5, 9 }, 9 },
		{ { "a udp 1", "a udp 2" }, "a udp 1", { 9, 5 }, 9 },
		{ { "a udp 1", "aa udp 2" }, "a udp 1", { 5, 9 }, 5 },
		{ { "a udp 1", "b udp 2" }, "c udp 1", { 5, 9 }, 0 },
		{ { "a", "" }, "a udp 1", { 5, 9 }, 0 },
	};
	struct state_reader reader;

	fill();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (size_t l = 0; l < LISTENERS; l++) {
			struct state_listener *entry = &state.listeners[l];

			strcpy(entry->key, cases[i].keys[l]);
			state_next(&entry->progress)->records =
				cases[i].records[l];
			state_publish(&entry->progress);
		}
		take(&reader);
		ck_assert_msg(state_reader_last_record(&reader, cases[i].key) ==
				      cases[i].last,
			      "%zu", i);
		state_reader_close(&reader);
	}
}
END_TEST

START_TEST(what_the_kernel_gave_in_the_last_read_is_counted)
{
	static const struct {
		uint32_t turn, messages_turn;
		unsigned filled, uncounted;
	} cases[] = {
		{ 0, 0, 3, 0 }, /* the position has them */
		{ 0, 1, 0, 0 },
		{ 0, 1, 3, 3 },
		{ 0, 2, 3, 0 }, /* damage only */
		{ 1, 0, 3, 0 },
		{ 8, 9, STATE_DATAGRAMS, STATE_DATAGRAMS },
		{ UINT32_MAX, 0, 2, 2 },
		{ UINT32_MAX, UINT32_MAX, 2, 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct state_listener l = { 0 };

		state_next(&l.progress)->turn = cases[i].turn;
		state_publish(&l.progress);
		atomic_store(&l.messages_turn, cases[i].messages_turn);
		for (size_t m = 0; m < STATE_DATAGRAMS; m++)
			l.messages[m].msg_len =
				m < cases[i].filled ? 0 : STATE_UNFILLED;
		ck_assert_msg(state_reader_uncounted(&l) == cases[i].uncounted,
			      "%zu", i);
	}
}
END_TEST

START_TEST(it_is_read_from_the_file_that_is_stored)
{
	struct state_reader reader;

	fill();
	if (state.fd < 0)
		return; /* without libsystemd nobody would store it */
	ck_assert(state_reader_open(&reader, state.fd));
	/* Only what is in use. */
	ck_assert_uint_eq(reader.size, state.size - sizeof *state.connections);
	check_filled(&reader);
	state_reader_close(&reader);
	/* Nobody can make it smaller, so that the mapping faults. */
	ck_assert_int_eq(ftruncate(state.fd, 0), -1);
}
END_TEST

SUITE(state_reader)
{
	Suite *suite = suite_create("state_reader");
	TCase *tests = tcase_create("state_reader");

	tcase_add_checked_fixture(tests, set_up, clean_up);
	tcase_set_timeout(tests, 20);
	tcase_add_test(tests, all_that_was_written_is_read);
	tcase_add_test(tests, a_listener_that_is_not_there_is_all_zero);
	tcase_add_test(tests, each_connection_is_taken_once);
	tcase_add_test(tests, those_that_had_not_ended_are_left);
	tcase_add_test(tests, what_an_older_version_did_not_have_is_zero);
	tcase_add_test(tests, what_a_newer_version_has_beyond_ours_is_left_out);
	tcase_add_test(
		tests,
		a_run_is_taken_once_and_only_where_its_process_has_ended);
	tcase_add_loop_test(tests, a_run_that_is_damaged_is_not_taken, 0,
			    sizeof damaged / sizeof *damaged);
	tcase_add_test(tests, the_last_record_is_that_of_a_name);
	tcase_add_test(tests, what_the_kernel_gave_in_the_last_read_is_counted);
	tcase_add_test(tests, it_is_read_from_the_file_that_is_stored);
	suite_add_tcase(suite, tests);
	return suite;
}
