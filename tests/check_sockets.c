/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "system/port_holder.h"
#include "system/sockets.h"
#include "system/sockets_input.h"

#define NOBODY 65534

/* Both ends of a connection over loopback, and its listener. */
static int listener, peer, ours;

static void
connect_ends(int family)
{
	struct address address;

	ck_assert(address_parse(&address,
				family == AF_INET ? "127.0.0.1" : "::1", 0));
	listener = socket(family, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(listener, &address.any, address.size), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(getsockname(listener, &address.any, &address.size), 0);
	peer = socket(family, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(peer, &address.any, address.size), 0);
	ours = accept(listener, NULL, NULL);
	ck_assert_int_ge(ours, 0);
}

static void
close_ends(void)
{
	close(listener);
	close(peer);
	close(ours);
}

/* Bytes that the peer has sent and that were not acknowledged. */
static int
unacknowledged(void)
{
	int bytes = -1;

	ck_assert_int_eq(ioctl(peer, SIOCOUTQ, &bytes), 0);
	return bytes;
}

static void
wait_until_acknowledged(void)
{
	/* Check ends a test that takes too long. */
	while (unacknowledged() > 0)
		usleep(1000);
}

static void
assert_blocked(int family)
{
	connect_ends(family);
	ck_assert_int_eq(send(peer, "before", 6, 0), 6);
	wait_until_acknowledged();
	sockets_block_input(ours);
	ck_assert_int_eq(send(peer, "after", 5, 0), 5);
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(unacknowledged(), 5);
		usleep(1000);
	}
	sockets_unblock_input(ours);
	wait_until_acknowledged();
	close_ends();
}

static const int families[] = { AF_INET, AF_INET6 };

START_TEST(a_blocked_connection_acknowledges_nothing)
{
	assert_blocked(families[_i]);
}
END_TEST

/* Some kernels refuse to any other user a filter on TCP. */
START_TEST(nor_does_it_for_a_user_without_capabilities)
{
	if (getuid() == 0)
		ck_assert_int_eq(setuid(NOBODY), 0);
	assert_blocked(families[_i]);
}
END_TEST

/* A socket filter would take what is sent, and drop it. */
START_TEST(a_unix_socket_that_is_blocked_drops_nothing)
{
	char data[8];
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	sockets_block_input(pair[0]);
	ck_assert_int_eq(send(pair[1], "taken", 5, 0), 5);
	ck_assert(sockets_leave_port(pair[0]));
	ck_assert_int_eq(send(pair[1], "refused", 7, MSG_NOSIGNAL), -1);
	ck_assert_int_eq(errno, EPIPE);
	ck_assert_int_eq(recv(pair[0], data, sizeof data, MSG_DONTWAIT), 5);
	ck_assert_int_eq(recv(pair[0], data, sizeof data, MSG_DONTWAIT), -1);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

static const enum protocol protocols[] = { PROTOCOL_TCP, PROTOCOL_UDP };

/* A socket of a listener on one address, whose port is shared. */
static struct bound
share(enum protocol protocol)
{
	struct listener_config config = {
		.protocol = protocol,
		.address = (char[]){ "127.0.0.1" },
		.limits.receive_buffer = 65536,
	};
	struct bound bound;

	ck_assert_ptr_null(sockets_bind(&config, 1, false, &bound));
	sockets_share_port(bound.fd);
	return bound;
}

/* Whether the shared port of this socket is bound at all addresses too. */
static bool
bind_beside(const struct bound *old, enum protocol protocol)
{
	struct listener_config config = {
		.protocol = protocol,
		.address = (char[]){ "0.0.0.0" },
		.port = ntohs(old->address.in.sin_port),
		.limits.receive_buffer = 65536,
	};
	struct bound new;

	ck_assert_ptr_nonnull(sockets_bind(&config, 1, false, &new));
	ck_assert_int_eq(errno, EADDRINUSE);
	if (sockets_bind(&config, 1, true, &new))
		return false;
	close(new.fd);
	return true;
}

START_TEST(a_shared_port_is_bound_at_another_address_beside)
{
	bool is_bound = false;

	/* Another process may have the port, at some other address. */
	for (int i = 0; i < 20 && !is_bound; i++) {
		struct bound old = share(protocols[_i]);

		is_bound = bind_beside(&old, protocols[_i]);
		close(old.fd);
	}
	ck_assert(is_bound);
}
END_TEST

START_TEST(no_other_user_gets_a_shared_port)
{
	struct bound old;
	int options[] = { SO_REUSEADDR, SO_REUSEPORT }, on = 1, thief;

	if (getuid() != 0)
		return;
	old = share(protocols[_i]);
	ck_assert_int_eq(setuid(NOBODY), 0);
	thief = socket(AF_INET,
		       protocols[_i] == PROTOCOL_TCP ? SOCK_STREAM : SOCK_DGRAM,
		       0);
	for (size_t i = 0; i < 2; i++)
		ck_assert_int_eq(setsockopt(thief, SOL_SOCKET, options[i], &on,
					    sizeof on),
				 0);
	ck_assert_int_ne(bind(thief, &old.address.any, old.address.size), 0);
	ck_assert_int_eq(errno, EADDRINUSE);
	close(thief);
	close(old.fd);
}
END_TEST

/* As where another socket was closed while the list was read. */
START_TEST(a_holder_that_one_look_has_missed_is_found)
{
	char address[] = "127.0.0.1";
	struct listener_config config = { .protocol = protocols[_i],
					  .address = address };
	struct net_sockets sockets = { 0 };
	struct port_holder holder;
	struct bound bound;

	ck_assert_ptr_null(sockets_bind(&config, 1, false, &bound));
	config.port = ntohs(bound.address.in.sin_port);
	ck_assert(!port_holder_find(&sockets, &config, &holder));
	ck_assert(port_holder_must_find(&sockets, &config, &holder));
	ck_assert_int_eq(holder.pid, getpid());
	ck_assert(holder.is_ours);
	close(bound.fd);
	proc_net_free(&sockets);
}
END_TEST

SUITE(sockets)
{
	Suite *suite = suite_create("sockets");
	TCase *tests = tcase_create("sockets");

	/* The kernel's list may have a hundred thousand sockets of others. */
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, a_blocked_connection_acknowledges_nothing, 0,
			    2);
	tcase_add_loop_test(tests, nor_does_it_for_a_user_without_capabilities,
			    0, 2);
	tcase_add_loop_test(
		tests, a_shared_port_is_bound_at_another_address_beside, 0, 2);
	tcase_add_loop_test(tests, no_other_user_gets_a_shared_port, 0, 2);
	tcase_add_loop_test(tests, a_holder_that_one_look_has_missed_is_found,
			    0, 2);
	tcase_add_test(tests, a_unix_socket_that_is_blocked_drops_nothing);
	suite_add_tcase(suite, tests);
	return suite;
}
