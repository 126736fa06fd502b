/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/thread.h"
#include "input/registry.h"

static struct registry registry;
static atomic_ullong count;
static int left_fd;

static void
set_up(void)
{
	left_fd = eventfd(0, EFD_NONBLOCK);
	ck_assert_int_ge(left_fd, 0);
	registry_init(&registry, left_fd, -1);
	atomic_store(&count, 0);
}

static void
clean_up(void)
{
	registry_destroy(&registry);
	close(left_fd);
}

/* A member on one end of a pair of sockets; the other end is returned. */
static int
make_member(struct registry_entry *entry, const char *peer)
{
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	*entry = (struct registry_entry){ .fd = ends[0], .count = &count };
	ck_assert(address_parse(&entry->peer, peer, 1));
	return ends[1];
}

START_TEST(counts_all_and_those_of_a_host)
{
	struct registry_entry members[3];
	int peers[3];

	peers[0] = make_member(&members[0], "192.0.2.1");
	peers[1] = make_member(&members[1], "::ffff:192.0.2.1");
	peers[2] = make_member(&members[2], "192.0.2.2");
	for (int i = 0; i < 3; i++)
		registry_add(&registry, &members[i]);
	ck_assert_uint_eq(registry_count(&registry), 3);
	ck_assert_uint_eq(atomic_load(&count), 3);
	ck_assert_uint_eq(
		registry_count_source(&registry, &members[0].peer, &count), 2);
	registry_close(&registry, &members[0]);
	ck_assert_uint_eq(
		registry_count_source(&registry, &members[1].peer, &count), 1);
	ck_assert_int_eq(fcntl(members[0].fd, F_GETFD), -1);
	registry_remove(&registry, &members[1]);
	ck_assert_int_eq(fcntl(members[1].fd, F_GETFD), 0);
	close(members[1].fd);
	registry_close(&registry, &members[2]);
	ck_assert_uint_eq(registry_count(&registry), 0);
	for (int i = 0; i < 3; i++)
		close(peers[i]);
}
END_TEST

START_TEST(rings_when_one_leaves_only_if_that_is_wanted)
{
	struct registry_entry members[2];
	int first = make_member(&members[0], "192.0.2.1");
	int second = make_member(&members[1], "192.0.2.1");
	eventfd_t rung;

	registry_add(&registry, &members[0]);
	registry_add(&registry, &members[1]);
	registry_close(&registry, &members[0]);
	ck_assert_int_eq(eventfd_read(left_fd, &rung), -1);
	registry_want_wakeup(&registry, true);
	registry_close(&registry, &members[1]);
	ck_assert_int_eq(eventfd_read(left_fd, &rung), 0);
	close(first);
	close(second);
}
END_TEST

START_TEST(stops_who_is_there_and_who_comes_later)
{
	struct registry_entry early, late;
	int first = make_member(&early, "192.0.2.1");
	int second = make_member(&late, "192.0.2.1");
	char byte;

	registry_add(&registry, &early);
	ck_assert_int_eq(recv(early.fd, &byte, 1, MSG_DONTWAIT), -1);
	registry_stop_all(&registry);
	ck_assert_int_eq(recv(early.fd, &byte, 1, MSG_DONTWAIT), 0);
	registry_add(&registry, &late);
	/* Packets in flight must not meet the end of the stream. */
	ck_assert_int_eq(late.state, ENTRY_INPUT_BLOCKED);
	ck_assert_int_eq(recv(late.fd, &byte, 1, MSG_DONTWAIT), -1);
	registry_shut_down_blocked(&registry);
	ck_assert_int_eq(recv(late.fd, &byte, 1, MSG_DONTWAIT), 0);
	registry_close(&registry, &early);
	registry_close(&registry, &late);
	close(first);
	close(second);
}
END_TEST

START_TEST(ends_only_those_whose_door_is_closed)
{
	struct registry_entry goes, stays;
	int first = make_member(&goes, "192.0.2.1");
	int second = make_member(&stays, "192.0.2.1");
	char byte;

	registry_add(&registry, &goes);
	registry_add(&registry, &stays);
	registry_block_input(&registry, &goes);
	ck_assert_int_eq(recv(goes.fd, &byte, 1, MSG_DONTWAIT), -1);
	registry_shut_down_blocked(&registry);
	ck_assert_int_eq(recv(goes.fd, &byte, 1, MSG_DONTWAIT), 0);
	ck_assert_int_eq(recv(stays.fd, &byte, 1, MSG_DONTWAIT), -1);
	registry_close(&registry, &goes);
	registry_close(&registry, &stays);
	close(first);
	close(second);
}
END_TEST

START_TEST(hands_out_those_that_are_parked)
{
	struct registry_entry left_open, active;
	int first = make_member(&left_open, "192.0.2.1");
	int second = make_member(&active, "192.0.2.1");

	registry_add(&registry, &left_open);
	registry_add(&registry, &active);
	registry_leave_open(&registry, &left_open);
	ck_assert(!registry_is_handed_over(&registry));
	ck_assert_ptr_eq(registry_take(&registry), &left_open);
	ck_assert_ptr_null(registry_take(&registry));
	ck_assert_uint_eq(registry_count(&registry), 1);
	registry_leave_open(&registry, &active);
	ck_assert(registry_is_handed_over(&registry));
	ck_assert_ptr_eq(registry_take(&registry), &active);
	close(first);
	close(second);
	close(left_open.fd);
	close(active.fd);
}
END_TEST

/* Reads to the end of the stream, as a connection's thread does. */
static void *
read_to_the_end(void *argument)
{
	struct registry_entry *entry = argument;
	char bytes[16];

	while (recv(entry->fd, bytes, sizeof bytes, 0) > 0)
		;
	registry_close(&registry, entry);
	free(entry);
	return NULL;
}

START_TEST(sees_every_detached_thread_out)
{
	enum { THREADS = 64 };
	struct pollfd left = { .fd = left_fd, .events = POLLIN };
	int peers[THREADS];
	eventfd_t rung;

	for (int i = 0; i < THREADS; i++) {
		struct registry_entry *entry = malloc(sizeof *entry);

		peers[i] = make_member(entry, "192.0.2.1");
		registry_add(&registry, entry);
		ck_assert_int_eq(thread_start(NULL, read_to_the_end, entry), 0);
	}
	registry_want_wakeup(&registry, true);
	registry_stop_all(&registry);
	while (registry_count(&registry) > 0) {
		ck_assert_int_eq(poll(&left, 1, 3000), 1);
		eventfd_read(left_fd, &rung);
	}
	for (int i = 0; i < THREADS; i++)
		close(peers[i]);
}
END_TEST

SUITE(registry)
{
	Suite *suite = suite_create("registry");
	TCase *tests = tcase_create("registry");

	tcase_add_checked_fixture(tests, set_up, clean_up);
	tcase_add_test(tests, counts_all_and_those_of_a_host);
	tcase_add_test(tests, rings_when_one_leaves_only_if_that_is_wanted);
	tcase_add_test(tests, stops_who_is_there_and_who_comes_later);
	tcase_add_test(tests, ends_only_those_whose_door_is_closed);
	tcase_add_test(tests, hands_out_those_that_are_parked);
	tcase_add_test(tests, sees_every_detached_thread_out);
	suite_add_tcase(suite, tests);
	return suite;
}
