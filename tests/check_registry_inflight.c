/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "input/registry.h"
#include "system/state.h"

#define MANY 1000
#define A_SECOND_MS 1000

static struct inflight inflight;
static struct registry registry;
static atomic_ullong count;
static struct registry_entry entries[MANY];
static int peers[MANY];
static uint64_t cookies[MANY]; /* 0: it is not there, or has ended */

static void
set_up(void)
{
	struct rlimit limit;
	int pair[2], size = 4 << 20;

	/* Each has two ends, and one that another process peeks at. */
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	inflight = (struct inflight){ .send_fd = pair[0],
				      .receive_fd = pair[1],
				      .first = 1,
				      .next = 1,
				      .peeked = 1 };
	registry_init(&registry, &inflight, eventfd(0, EFD_NONBLOCK),
		      eventfd(0, EFD_NONBLOCK), 64);
}

static void
clean_up(void)
{
	close(registry.left_fd);
	close(registry.handover_fd);
	registry_destroy(&registry);
	inflight_close(&inflight);
}

/* Add entries from first to last - 1. */
static void
add(size_t first, size_t last)
{
	for (size_t i = first; i < last; i++) {
		int ends[2];

		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
		peers[i] = ends[1];
		cookies[i] = state_cookie(ends[0]);
		entries[i] = (struct registry_entry){ .fd = ends[0],
						      .count = &count };
		ck_assert(address_parse(&entries[i].peer, "192.0.2.1", 1));
		registry_add(&registry, &entries[i]);
	}
}

static void
end(size_t i)
{
	registry_close(&registry, &entries[i]);
	cookies[i] = 0;
}

/* So much time passes. */
static void
wait_ms(long long ms)
{
	registry.flight.send_at_ms -= ms;
	for (size_t i = 0; i < MANY; i++)
		entries[i].flight.added_ms -= ms;
}

/* A process that is passed the pair now. */
static struct inflight
next_process(void)
{
	return (struct inflight){ .send_fd = inflight.send_fd,
				  .receive_fd = inflight.receive_fd,
				  .first = 1,
				  .next = 1,
				  .peeked = 1 };
}

/*
 * Whether a process that is passed the pair now finds each entry that has not
 * ended, in the message that its entry says.
 */
static void
assert_all_are_found(void)
{
	struct inflight process = next_process();
	uint64_t offset = inflight.first - 1;
	int fds[INFLIGHT_FDS];
	bool found[MANY] = { false }, all;
	size_t size;

	while (inflight_peek(&process, fds, &size, &all)) {
		ck_assert(all);
		for (size_t f = 0; f < size; f++) {
			uint64_t cookie = state_cookie(fds[f]);
			uint64_t message = process.peeked - 1 + offset;

			for (size_t i = 0; i < MANY; i++)
				if (cookies[i] == cookie &&
				    entries[i].flight.message == message)
					found[i] = true;
			close(fds[f]);
		}
	}
	ck_assert_uint_eq(process.next + offset, inflight.next);
	for (size_t i = 0; i < MANY; i++)
		ck_assert_msg(found[i] || !cookies[i], "%zu", i);
}

START_TEST(they_go_into_flight_after_a_second)
{
	long long now_ms = clock_now_ms(), next_ms;

	ck_assert_int_eq(registry_send(&registry), LLONG_MAX);
	add(0, 3);
	next_ms = registry_send(&registry);
	ck_assert_int_ge(next_ms, now_ms);
	ck_assert_int_le(next_ms, clock_now_ms() + A_SECOND_MS);
	ck_assert_uint_eq(inflight.count, 0);
	wait_ms(A_SECOND_MS / 2);
	add(3, 5);
	registry_send(&registry);
	ck_assert_uint_eq(inflight.count, 0);
	wait_ms(A_SECOND_MS / 2);
	next_ms = registry_send(&registry);
	ck_assert_uint_eq(inflight.count, 3);
	ck_assert_uint_eq(inflight.next, 2);
	for (size_t i = 0; i < 5; i++)
		ck_assert_uint_eq(entries[i].flight.message, i < 3 ? 1 : 0);
	/* The others are not sent before the next second, in one message. */
	ck_assert_int_gt(next_ms, clock_now_ms());
	ck_assert_int_le(next_ms, clock_now_ms() + A_SECOND_MS);
	wait_ms(A_SECOND_MS / 2);
	registry_send(&registry);
	ck_assert_uint_eq(inflight.count, 3);
	wait_ms(A_SECOND_MS / 2);
	ck_assert_int_eq(registry_send(&registry), LLONG_MAX);
	ck_assert_uint_eq(inflight.count, 5);
	assert_all_are_found();
}
END_TEST

START_TEST(they_go_in_the_order_of_their_age)
{
	add(0, MANY);
	wait_ms(A_SECOND_MS);
	registry_send(&registry);
	ck_assert_uint_eq(inflight.count, MANY);
	ck_assert_uint_eq(inflight.next, 2 + MANY / INFLIGHT_FDS);
	for (size_t i = 0; i < MANY; i++)
		ck_assert_uint_eq(entries[i].flight.message,
				  1 + i / INFLIGHT_FDS);
	assert_all_are_found();
}
END_TEST

START_TEST(one_that_ends_before_costs_nothing)
{
	add(0, 10);
	for (size_t i = 0; i < 10; i += 2)
		end(i);
	wait_ms(A_SECOND_MS);
	registry_send(&registry);
	ck_assert_uint_eq(inflight.count, 5);
	assert_all_are_found();
}
END_TEST

START_TEST(one_that_has_ended_already_is_not_sent)
{
	struct registry_entry ended = { .fd = -1, .count = &count };

	ck_assert(address_parse(&ended.peer, "192.0.2.1", 1));
	registry_add(&registry, &ended);
	wait_ms(A_SECOND_MS);
	ck_assert_int_eq(registry_send(&registry), LLONG_MAX);
	ck_assert_uint_eq(registry_send_all(&registry), 0);
	ck_assert_uint_eq(inflight.next, 1);
	ck_assert_uint_eq(registry_count(&registry), 1);
	registry_close(&registry, &ended);
	ck_assert_uint_eq(registry_count(&registry), 0);
}
END_TEST

START_TEST(its_peer_sees_the_end_though_it_is_in_flight)
{
	struct pollfd peer = { .events = POLLIN };
	char byte;

	add(0, 2);
	wait_ms(A_SECOND_MS);
	registry_send(&registry);
	end(0);
	for (size_t i = 0; i < 2; i++) {
		peer.fd = peers[i];
		ck_assert_int_eq(poll(&peer, 1, 0), i == 0);
	}
	ck_assert_int_eq(recv(peers[0], &byte, 1, 0), 0);
	ck_assert_uint_eq(inflight.count, 2);
}
END_TEST

START_TEST(a_message_is_dropped_once_all_of_it_have_ended)
{
	add(0, MANY);
	wait_ms(A_SECOND_MS);
	registry_send(&registry);
	for (size_t i = 0; i < INFLIGHT_FDS; i++)
		end(i);
	registry_send(&registry);
	ck_assert_uint_eq(inflight.first, 2);
	ck_assert_uint_eq(inflight.count, MANY - INFLIGHT_FDS);
	assert_all_are_found();
	/* The first goes only with those that are behind it. */
	for (size_t i = 2 * INFLIGHT_FDS; i < 3 * INFLIGHT_FDS; i++)
		end(i);
	registry_send(&registry);
	ck_assert_uint_eq(inflight.first, 2);
	for (size_t i = INFLIGHT_FDS; i < 2 * INFLIGHT_FDS; i++)
		end(i);
	registry_send(&registry);
	ck_assert_uint_eq(inflight.first, 4);
	assert_all_are_found();
}
END_TEST

/* Every tenth lives on. */
START_TEST(where_most_have_ended_the_living_are_sent_anew)
{
	eventfd_t rung;
	size_t living = 0;

	add(0, MANY);
	wait_ms(A_SECOND_MS);
	registry_send(&registry);
	for (size_t i = 0; i < MANY; i++)
		if (i % 10)
			end(i);
		else
			living++;
	/* The main thread is told, so that it does not wait for the next. */
	ck_assert_int_eq(eventfd_read(registry.left_fd, &rung), 0);
	registry_send(&registry);
	ck_assert(!inflight_is_sparse(&inflight, living));
	ck_assert_uint_le(inflight.count, 2 * living + INFLIGHT_FDS);
	assert_all_are_found();
	for (size_t i = 0; i < MANY; i += 10)
		end(i);
	registry_send(&registry);
	ck_assert_uint_eq(inflight.count, 0);
	ck_assert_uint_eq(inflight.first, inflight.next);
}
END_TEST

/* They come and go by the seed; those that live are always found. */
START_TEST(whoever_ends_the_living_are_found)
{
	size_t first = 0;

	srand48(_i);
	for (size_t last = 0; last < MANY;) {
		size_t more = 1 + (size_t)lrand48() % 90;

		if (more > MANY - last)
			more = MANY - last;
		add(last, last + more);
		last += more;
		/* Most are short, some stay. */
		for (size_t i = first; i < last; i++)
			if (cookies[i] && lrand48() % 100 < 30 + 5 * _i)
				end(i);
		wait_ms(A_SECOND_MS);
		registry_send(&registry);
		ck_assert_uint_eq(registry.flight.sent_count,
				  registry_count(&registry));
		ck_assert(!inflight_is_sparse(&inflight,
					      registry.flight.sent_count));
	}
	assert_all_are_found();
}
END_TEST

START_TEST(each_second_one_that_stays_does_not_fill_it)
{
	for (size_t i = 0; i < MANY; i++) {
		add(i, i + 1);
		wait_ms(A_SECOND_MS);
		registry_send(&registry);
		ck_assert_uint_eq(entries[i].flight.message, inflight.next - 1);
		ck_assert_uint_lt(inflight.next - inflight.first,
				  INFLIGHT_MESSAGES);
	}
	assert_all_are_found();
}
END_TEST

START_TEST(at_a_restart_all_are_sent)
{
	add(0, 10);
	wait_ms(A_SECOND_MS);
	registry_send(&registry);
	add(10, 30);
	ck_assert_uint_eq(registry_send_all(&registry), 0);
	ck_assert_uint_eq(inflight.count, 30);
	ck_assert_uint_eq(inflight.next, 3);
	ck_assert_uint_eq(registry_send_all(&registry), 0);
	ck_assert_uint_eq(inflight.next, 3);
	assert_all_are_found();
}
END_TEST

/* It is full of messages with one that lives in each. */
START_TEST(at_a_restart_there_is_room_for_all)
{
	for (size_t i = 0; i < INFLIGHT_MESSAGES; i++) {
		add(i, i + 1);
		ck_assert(inflight_send(&inflight, &entries[i].fd, 1));
		registry_remove(&registry, &entries[i]);
		entries[i].flight.message = inflight.next - 1;
		registry_add(&registry, &entries[i]);
	}
	add(INFLIGHT_MESSAGES, MANY);
	ck_assert_uint_eq(registry_send_all(&registry), 0);
	ck_assert_uint_eq(inflight.count, MANY);
	assert_all_are_found();
}
END_TEST

/*
 * RLIMIT_NOFILE is reached where half are stale; or it was more in the process
 * before.  What lives has room all the same, and something is left to others.
 */
START_TEST(at_the_limit_what_is_stale_goes)
{
	static const size_t limits[] = { 920, 800 };
	struct rlimit limit;
	rlim_t before;

	add(0, 900);
	wait_ms(A_SECOND_MS);
	registry_send(&registry);
	for (size_t i = 0; i < 900; i += 2)
		end(i);
	registry_send(&registry);
	ck_assert_uint_eq(inflight.count, 900);
	if (_i == 0)
		add(900, MANY);
	wait_ms(A_SECOND_MS);
	getrlimit(RLIMIT_NOFILE, &limit);
	before = limit.rlim_cur;
	limit.rlim_cur = limits[_i];
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	if (_i == 0)
		ck_assert_int_eq(registry_send(&registry), LLONG_MAX);
	else
		ck_assert_uint_eq(registry_send_all(&registry), 0);
	ck_assert_uint_lt(inflight.count, limits[_i]);
	limit.rlim_cur = before;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_all_are_found();
}
END_TEST

START_TEST(what_cannot_be_sent_is_counted)
{
	int send_fd = inflight.send_fd;

	add(0, 3);
	inflight.send_fd = registry.left_fd; /* which is no socket */
	ck_assert_uint_eq(registry_send_all(&registry), 3);
	inflight.send_fd = -1;
	ck_assert_uint_eq(registry_send_all(&registry), 3);
	ck_assert_int_eq(registry_send(&registry), LLONG_MAX);
	inflight.send_fd = send_fd;
	ck_assert_uint_eq(registry_send_all(&registry), 0);
	assert_all_are_found();
}
END_TEST

START_TEST(they_go_on_in_the_next_process)
{
	struct inflight process = next_process();
	int fds[INFLIGHT_FDS];
	size_t size;
	bool all;

	add(0, 10);
	registry_send_all(&registry);
	add(10, 20);
	registry_send_all(&registry);
	for (size_t i = 0; i < 20; i++)
		registry_remove(&registry, &entries[i]);
	inflight = process;
	for (size_t message = 1; message < 3; message++) {
		ck_assert(inflight_peek(&inflight, fds, &size, &all));
		for (size_t i = 0; i < size; i++) {
			struct registry_entry *entry =
				&entries[(message - 1) * 10 + i];

			close(entry->fd);
			entry->fd = fds[i];
			entry->flight.message = message;
			registry_add(&registry, entry);
		}
	}
	ck_assert(!inflight_peek(&inflight, fds, &size, &all));
	ck_assert_uint_eq(registry.flight.sent_count, 20);
	add(20, 25);
	ck_assert_uint_eq(registry_send_all(&registry), 0);
	ck_assert_uint_eq(inflight.count, 25);
	assert_all_are_found();
	for (size_t i = 0; i < 10; i++)
		end(i);
	registry_send(&registry);
	ck_assert_uint_eq(inflight.first, 2);
	assert_all_are_found();
}
END_TEST

SUITE(registry_inflight)
{
	Suite *suite = suite_create("registry_inflight");
	TCase *tests = tcase_create("registry_inflight");

	tcase_add_checked_fixture(tests, set_up, clean_up);
	tcase_set_timeout(tests, 20);
	tcase_add_test(tests, they_go_into_flight_after_a_second);
	tcase_add_test(tests, they_go_in_the_order_of_their_age);
	tcase_add_test(tests, one_that_ends_before_costs_nothing);
	tcase_add_test(tests, one_that_has_ended_already_is_not_sent);
	tcase_add_test(tests, its_peer_sees_the_end_though_it_is_in_flight);
	tcase_add_test(tests, a_message_is_dropped_once_all_of_it_have_ended);
	tcase_add_test(tests, where_most_have_ended_the_living_are_sent_anew);
	tcase_add_loop_test(tests, whoever_ends_the_living_are_found, 0, 10);
	tcase_add_test(tests, each_second_one_that_stays_does_not_fill_it);
	tcase_add_test(tests, at_a_restart_all_are_sent);
	tcase_add_test(tests, at_a_restart_there_is_room_for_all);
	tcase_add_loop_test(tests, at_the_limit_what_is_stale_goes, 0, 2);
	tcase_add_test(tests, what_cannot_be_sent_is_counted);
	tcase_add_test(tests, they_go_on_in_the_next_process);
	suite_add_tcase(suite, tests);
	return suite;
}
