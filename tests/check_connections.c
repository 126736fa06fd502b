/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connections.h"
#include "thread.h"

static struct connections connections;
static atomic_ullong count;
static int left_fd;

static void
set_up(void)
{
	left_fd = eventfd(0, EFD_NONBLOCK);
	ck_assert_int_ge(left_fd, 0);
	connections_init(&connections, left_fd, -1);
	atomic_store(&count, 0);
}

static void
clean_up(void)
{
	connections_destroy(&connections);
	close(left_fd);
}

/* A member on one end of a pair of sockets; the other end is returned. */
static int
make_member(struct member *member, const char *peer)
{
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	*member = (struct member){ .fd = ends[0], .count = &count };
	ck_assert(address_parse(&member->peer, peer, 1));
	return ends[1];
}

START_TEST(counts_all_and_those_of_a_host)
{
	struct member members[3];
	int peers[3];

	peers[0] = make_member(&members[0], "192.0.2.1");
	peers[1] = make_member(&members[1], "::ffff:192.0.2.1");
	peers[2] = make_member(&members[2], "192.0.2.2");
	for (int i = 0; i < 3; i++)
		connections_enter(&connections, &members[i]);
	ck_assert_uint_eq(connections_count(&connections), 3);
	ck_assert_uint_eq(atomic_load(&count), 3);
	ck_assert_uint_eq(
		connections_from(&connections, &members[0].peer, &count), 2);
	connections_leave(&connections, &members[0]);
	ck_assert_uint_eq(
		connections_from(&connections, &members[1].peer, &count), 1);
	ck_assert_int_eq(fcntl(members[0].fd, F_GETFD), -1);
	connections_withdraw(&connections, &members[1]);
	ck_assert_int_eq(fcntl(members[1].fd, F_GETFD), 0);
	close(members[1].fd);
	connections_leave(&connections, &members[2]);
	ck_assert_uint_eq(connections_count(&connections), 0);
	for (int i = 0; i < 3; i++)
		close(peers[i]);
}
END_TEST

START_TEST(rings_when_one_leaves_only_if_that_is_wanted)
{
	struct member members[2];
	int first = make_member(&members[0], "192.0.2.1");
	int second = make_member(&members[1], "192.0.2.1");
	eventfd_t rung;

	connections_enter(&connections, &members[0]);
	connections_enter(&connections, &members[1]);
	connections_leave(&connections, &members[0]);
	ck_assert_int_eq(eventfd_read(left_fd, &rung), -1);
	connections_want(&connections, true);
	connections_leave(&connections, &members[1]);
	ck_assert_int_eq(eventfd_read(left_fd, &rung), 0);
	close(first);
	close(second);
}
END_TEST

START_TEST(stops_who_is_there_and_who_comes_later)
{
	struct member early, late;
	int first = make_member(&early, "192.0.2.1");
	int second = make_member(&late, "192.0.2.1");
	char byte;

	connections_enter(&connections, &early);
	ck_assert_int_eq(recv(early.fd, &byte, 1, MSG_DONTWAIT), -1);
	connections_stop(&connections);
	ck_assert_int_eq(recv(early.fd, &byte, 1, MSG_DONTWAIT), 0);
	connections_enter(&connections, &late);
	/* What was past the door before it closed is not to meet the end. */
	ck_assert(late.door_closed);
	ck_assert_int_eq(recv(late.fd, &byte, 1, MSG_DONTWAIT), -1);
	connections_end(&connections);
	ck_assert_int_eq(recv(late.fd, &byte, 1, MSG_DONTWAIT), 0);
	connections_leave(&connections, &early);
	connections_leave(&connections, &late);
	close(first);
	close(second);
}
END_TEST

START_TEST(ends_only_those_whose_door_is_closed)
{
	struct member goes, stays;
	int first = make_member(&goes, "192.0.2.1");
	int second = make_member(&stays, "192.0.2.1");
	char byte;

	connections_enter(&connections, &goes);
	connections_enter(&connections, &stays);
	connections_close_door(&connections, &goes);
	ck_assert_int_eq(recv(goes.fd, &byte, 1, MSG_DONTWAIT), -1);
	connections_end(&connections);
	ck_assert_int_eq(recv(goes.fd, &byte, 1, MSG_DONTWAIT), 0);
	ck_assert_int_eq(recv(stays.fd, &byte, 1, MSG_DONTWAIT), -1);
	connections_leave(&connections, &goes);
	connections_leave(&connections, &stays);
	close(first);
	close(second);
}
END_TEST

START_TEST(hands_out_those_that_are_parked)
{
	struct member parked, busy;
	int first = make_member(&parked, "192.0.2.1");
	int second = make_member(&busy, "192.0.2.1");

	connections_enter(&connections, &parked);
	connections_enter(&connections, &busy);
	connections_stay(&connections, &parked);
	ck_assert(!connections_are_parked(&connections));
	ck_assert_ptr_eq(connections_take(&connections), &parked);
	ck_assert_ptr_null(connections_take(&connections));
	ck_assert_uint_eq(connections_count(&connections), 1);
	connections_stay(&connections, &busy);
	ck_assert(connections_are_parked(&connections));
	ck_assert_ptr_eq(connections_take(&connections), &busy);
	close(first);
	close(second);
	close(parked.fd);
	close(busy.fd);
}
END_TEST

/* Reads to the end of the stream, as a connection's thread does. */
static void *
read_to_the_end(void *argument)
{
	struct member *member = argument;
	char bytes[16];

	while (recv(member->fd, bytes, sizeof bytes, 0) > 0)
		;
	connections_leave(&connections, member);
	free(member);
	return NULL;
}

START_TEST(sees_every_detached_thread_out)
{
	enum { THREADS = 64 };
	struct pollfd left = { .fd = left_fd, .events = POLLIN };
	int peers[THREADS];
	eventfd_t rung;

	for (int i = 0; i < THREADS; i++) {
		struct member *member = malloc(sizeof *member);

		peers[i] = make_member(member, "192.0.2.1");
		connections_enter(&connections, member);
		ck_assert_int_eq(thread_start(NULL, read_to_the_end, member),
				 0);
	}
	connections_want(&connections, true);
	connections_stop(&connections);
	while (connections_count(&connections) > 0) {
		ck_assert_int_eq(poll(&left, 1, 3000), 1);
		eventfd_read(left_fd, &rung);
	}
	for (int i = 0; i < THREADS; i++)
		close(peers[i]);
}
END_TEST

SUITE(connections)
{
	Suite *suite = suite_create("connections");
	TCase *tests = tcase_create("connections");

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
