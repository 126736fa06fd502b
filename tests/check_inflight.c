/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "system/inflight.h"
#include "system/state.h"

static struct inflight inflight;

/* What a process finds that has just been passed the pair. */
static struct inflight
next_process(void)
{
	return (struct inflight){ .send_fd = inflight.send_fd,
				  .receive_fd = inflight.receive_fd,
				  .first = 1,
				  .next = 1,
				  .peeked = 1 };
}

static void
set_up(void)
{
	int pair[2], size = 4 << 20;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	inflight.send_fd = pair[0];
	inflight.receive_fd = pair[1];
	inflight = next_process();
}

static void
clean_up(void)
{
	inflight_close(&inflight);
}

/* Connections: what is sent, and the peers of these. */
struct ends {
	int ours[INFLIGHT_FDS], peers[INFLIGHT_FDS];
	uint64_t cookies[INFLIGHT_FDS];
	size_t count;
};

static void
open_ends(struct ends *ends, size_t count)
{
	ends->count = count;
	for (size_t i = 0; i < count; i++) {
		int pair[2];

		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		ends->ours[i] = pair[0];
		ends->peers[i] = pair[1];
		ends->cookies[i] = state_cookie(pair[0]);
	}
}

static void
close_all(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

/* Send connections, and close what this process has of them. */
static void
send_ends(struct ends *ends, size_t count)
{
	open_ends(ends, count);
	ck_assert(inflight_send(&inflight, ends->ours, count));
	close_all(ends->ours, count);
}

/* Whether anybody has our end of them still. */
static bool
are_open(const struct ends *ends)
{
	bool any = false, all = true;

	for (size_t i = 0; i < ends->count; i++) {
		struct pollfd peer = { .fd = ends->peers[i] };
		bool is_open = poll(&peer, 1, 0) == 0;

		any |= is_open;
		all &= is_open;
	}
	ck_assert_int_eq(any, all);
	return all;
}

/* A process peeks at a message: these connections, and no others. */
static void
assert_peeks(struct inflight *process, const struct ends *ends)
{
	int fds[INFLIGHT_FDS];
	bool all = false;
	size_t count;

	ck_assert(inflight_peek(process, fds, &count, &all));
	ck_assert_uint_eq(count, ends->count);
	ck_assert(all);
	for (size_t i = 0; i < ends->count; i++)
		ck_assert_uint_eq(state_cookie(fds[i]), ends->cookies[i]);
	close_all(fds, ends->count);
}

static void
assert_peeks_no_more(struct inflight *process)
{
	int fds[INFLIGHT_FDS];
	size_t count;
	bool all;

	ck_assert(!inflight_peek(process, fds, &count, &all));
}

START_TEST(all_processes_peek_at_the_same_in_order)
{
	static struct ends ends[3];

	send_ends(&ends[0], 3);
	send_ends(&ends[1], INFLIGHT_FDS);
	send_ends(&ends[2], 1);
	ck_assert_uint_eq(inflight.next, 4);
	ck_assert_uint_eq(inflight.count, 3 + INFLIGHT_FDS + 1);
	for (int i = 0; i < 3; i++) {
		struct inflight process = next_process();

		for (int message = 0; message < 3; message++)
			assert_peeks(&process, &ends[message]);
		assert_peeks_no_more(&process);
		ck_assert_uint_eq(process.next, 4);
		ck_assert_uint_eq(process.count, inflight.count);
		for (int message = 0; message < 3; message++)
			ck_assert(are_open(&ends[message]));
	}
}
END_TEST

START_TEST(there_may_be_nothing)
{
	assert_peeks_no_more(&inflight);
	assert_peeks_no_more(&inflight);
	inflight_drop(&inflight, inflight.next);
	ck_assert_uint_eq(inflight.count, 0);
	ck_assert_uint_eq(inflight.next, 1);
}
END_TEST

START_TEST(what_is_dropped_has_ended_and_the_rest_has_not)
{
	static struct ends ends[3];

	for (int i = 0; i < 3; i++)
		send_ends(&ends[i], (size_t)i + 1);
	inflight_drop(&inflight, 1);
	ck_assert(are_open(&ends[0]));
	inflight_drop(&inflight, 3);
	ck_assert(!are_open(&ends[0]));
	ck_assert(!are_open(&ends[1]));
	ck_assert(are_open(&ends[2]));
	ck_assert_uint_eq(inflight.first, 3);
	ck_assert_uint_eq(inflight.count, 3);
	/* The next one numbers anew. */
	inflight = next_process();
	assert_peeks(&inflight, &ends[2]);
	assert_peeks_no_more(&inflight);
	inflight_drop(&inflight, 2);
	ck_assert(!are_open(&ends[2]));
	ck_assert_uint_eq(inflight.count, 0);
}
END_TEST

START_TEST(a_process_adds_to_what_it_has_peeked_at)
{
	static struct ends ends[3];

	send_ends(&ends[0], 2);
	send_ends(&ends[1], 3);
	inflight = next_process();
	assert_peeks(&inflight, &ends[0]);
	assert_peeks(&inflight, &ends[1]);
	assert_peeks_no_more(&inflight);
	send_ends(&ends[2], 4);
	ck_assert_uint_eq(inflight.next, 4);
	inflight_drop(&inflight, 3);
	ck_assert(!are_open(&ends[0]));
	ck_assert(!are_open(&ends[1]));
	ck_assert(are_open(&ends[2]));
	ck_assert_uint_eq(inflight.count, 4);
	inflight_drop(&inflight, 4);
	ck_assert(!are_open(&ends[2]));
}
END_TEST

START_TEST(one_may_be_in_two_messages)
{
	static struct ends ends;
	struct inflight process = next_process();

	open_ends(&ends, 2);
	for (int i = 0; i < 2; i++)
		ck_assert(inflight_send(&inflight, ends.ours, ends.count));
	close_all(ends.ours, ends.count);
	for (int i = 0; i < 2; i++)
		assert_peeks(&process, &ends);
	assert_peeks_no_more(&process);
	inflight_drop(&inflight, 2);
	ck_assert(are_open(&ends));
	process = next_process();
	assert_peeks(&process, &ends);
	assert_peeks_no_more(&process);
}
END_TEST

START_TEST(it_takes_so_many_messages_and_numbers_them_on)
{
	static struct ends ends[INFLIGHT_MESSAGES];
	struct ends more;
	uint64_t number = 1;

	for (int turn = 0; turn < 3; turn++) {
		for (size_t i = 0; i < INFLIGHT_MESSAGES; i++) {
			ck_assert_uint_eq(inflight.next, number++);
			send_ends(&ends[i], 1 + i % 2);
		}
		open_ends(&more, 1);
		ck_assert(!inflight_send(&inflight, more.ours, 1));
		ck_assert_uint_eq(inflight.next, number);
		inflight_drop(&inflight, number - 1);
		ck_assert(!are_open(&ends[0]));
		ck_assert(are_open(&ends[INFLIGHT_MESSAGES - 1]));
		ck_assert_uint_eq(inflight.count, 2);
		inflight_drop(&inflight, number);
		ck_assert_uint_eq(inflight.count, 0);
		for (size_t i = 0; i < INFLIGHT_MESSAGES; i++)
			close_all(ends[i].peers, ends[i].count);
	}
}
END_TEST

/* From now on this process has numbers for so many more descriptors. */
static void
limit_descriptors(struct rlimit limit, size_t more)
{
	int number = 0;

	for (;; number++)
		if (fcntl(number, F_GETFD) < 0 && more-- == 0)
			break;
	limit.rlim_cur = (rlim_t)number;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Of three messages with 2 each: as many numbers as there are, and all told. */
START_TEST(without_numbers_for_all_each_message_is_counted_all_the_same)
{
	static struct ends ends[4];
	struct inflight process = next_process();
	struct rlimit limit;
	int fds[6 + INFLIGHT_FDS];
	size_t count, found = 0, told = 0;
	bool all;

	for (int i = 0; i < 3; i++)
		send_ends(&ends[i], 2);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit_descriptors(limit, (size_t)_i);
	for (size_t i = 0; i < 3; i++) {
		ck_assert(inflight_peek(&process, fds + found, &count, &all));
		found += count;
		told += !all;
	}
	assert_peeks_no_more(&process);
	setrlimit(RLIMIT_NOFILE, &limit);
	close_all(fds, found);
	ck_assert_uint_eq(found, _i < 6 ? (size_t)_i : 6);
	ck_assert_uint_eq(told, (6 - found + 1) / 2);
	/* What it sends and drops then are the messages that it means. */
	ck_assert_uint_eq(process.next, 4);
	ck_assert_uint_eq(process.count, found);
	inflight = process;
	send_ends(&ends[3], 1);
	inflight_drop(&inflight, 4);
	for (int i = 0; i < 4; i++)
		ck_assert(are_open(&ends[i]) == (i == 3));
	ck_assert_uint_eq(inflight.count, 1);
}
END_TEST

/* So many descriptors in so many messages, of so many that live. */
START_TEST(it_is_sparse_where_most_is_stale)
{
	static const struct {
		size_t count, messages, connections;
		bool is_sparse;
	} cases[] = {
		{ 0, 0, 0, false },         { 253, 1, 0, false },
		{ 254, 2, 0, true },        { 1000, 100, 1000, false },
		{ 1253, 100, 500, false },  { 1254, 100, 500, true },
		{ 128, 128, 128, false },   { 129, 129, 129, true },
		{ 2530, 138, 2530, false }, { 2530, 139, 2530, true },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		inflight.next = inflight.first + cases[i].messages;
		inflight.count = cases[i].count;
		ck_assert_msg(
			inflight_is_sparse(&inflight, cases[i].connections) ==
				cases[i].is_sparse,
			"%zu", i);
	}
}
END_TEST

/* As systemd passes them; -1: not that one. */
static void
open_passed(struct inflight *process, int send_fd, int receive_fd)
{
	struct listen_fds in = { .count = 2 };
	int fds[] = { dup(send_fd), dup(receive_fd) };
	char *names[] = { send_fd < 0 ? NULL : strdup("inflight send"),
			  receive_fd < 0 ? NULL : strdup("inflight receive") };

	in.fds = fds;
	in.names = names;
	inflight_open(process, &in);
	ck_assert_ptr_null(names[0]);
	ck_assert_ptr_null(names[1]);
}

START_TEST(a_pair_that_was_passed_is_used)
{
	static struct ends ends;
	struct inflight process;

	send_ends(&ends, 3);
	open_passed(&process, inflight.send_fd, inflight.receive_fd);
	ck_assert(inflight_is_open(&process));
	assert_peeks(&process, &ends);
	assert_peeks_no_more(&process);
	inflight_close(&process);
}
END_TEST

START_TEST(another_pair_is_not_used)
{
	struct inflight process;
	int pair[2];

	/* No fd store: there will be no new one. */
	unsetenv("NOTIFY_SOCKET");
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	open_passed(&process, pair[0], pair[1]);
	ck_assert(!inflight_is_open(&process));
	open_passed(&process, inflight.send_fd, -1);
	ck_assert(!inflight_is_open(&process));
	open_passed(&process, -1, inflight.receive_fd);
	ck_assert(!inflight_is_open(&process));
	open_passed(&process, -1, -1);
	ck_assert(!inflight_is_open(&process));
	close_all(pair, 2);
}
END_TEST

SUITE(inflight)
{
	Suite *suite = suite_create("inflight");
	TCase *tests = tcase_create("inflight");

	tcase_add_checked_fixture(tests, set_up, clean_up);
	tcase_set_timeout(tests, 20);
	tcase_add_test(tests, all_processes_peek_at_the_same_in_order);
	tcase_add_test(tests, there_may_be_nothing);
	tcase_add_test(tests, what_is_dropped_has_ended_and_the_rest_has_not);
	tcase_add_test(tests, a_process_adds_to_what_it_has_peeked_at);
	tcase_add_test(tests, one_may_be_in_two_messages);
	tcase_add_test(tests, it_takes_so_many_messages_and_numbers_them_on);
	tcase_add_loop_test(
		tests,
		without_numbers_for_all_each_message_is_counted_all_the_same, 0,
		8);
	tcase_add_test(tests, it_is_sparse_where_most_is_stale);
	tcase_add_test(tests, a_pair_that_was_passed_is_used);
	tcase_add_test(tests, another_pair_is_not_used);
	suite_add_tcase(suite, tests);
	return suite;
}
