/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input/senders.h"

static struct senders *senders;

static void
set_up(void)
{
	senders = calloc(1, sizeof *senders);
	senders_init(senders);
}

static void
clean_up(void)
{
	senders_destroy(senders);
	free(senders);
}

static void
add(const char *host, unsigned port, uint64_t datagrams, uint64_t bytes)
{
	struct address peer;
	const struct sent sent = { &peer, datagrams, bytes };

	ck_assert(address_parse(&peer, host, (uint16_t)port));
	senders_add(senders, &sent, 1);
}

/* The sender of that name; NULL: it is not there. */
static const struct sender *
find(const char *name)
{
	static struct sender found;
	struct sender list[100];
	size_t next = 0, count;

	while ((count = senders_copy(senders, &next, list, 100)) > 0)
		for (size_t i = 0; i < count; i++) {
			char text[ADDRESS_TEXT];

			address_format(&list[i].peer, text);
			found = list[i];
			if (strcmp(text, name) == 0)
				return &found;
		}
	return NULL;
}

static size_t
count_all(void)
{
	struct sender list[7];
	size_t next = 0, count, all = 0;

	while ((count = senders_copy(senders, &next, list, 7)) > 0)
		all += count;
	return all;
}

START_TEST(none_at_first)
{
	ck_assert_uint_eq(count_all(), 0);
	ck_assert_uint_eq(senders_forgotten(senders), 0);
}
END_TEST

START_TEST(each_address_and_port_is_one)
{
	add("192.0.2.1", 1, 1, 10);
	add("192.0.2.1", 2, 2, 20);
	add("::ffff:192.0.2.1", 1, 3, 30); /* the same as IPv4 */
	add("2001:db8::1", 1, 4, 40);
	ck_assert_uint_eq(count_all(), 3);
	ck_assert_uint_eq(find("192.0.2.1:1")->datagrams, 4);
	ck_assert_uint_eq(find("192.0.2.1:1")->bytes, 40);
	ck_assert_uint_eq(find("192.0.2.1:2")->datagrams, 2);
	ck_assert_uint_eq(find("[2001:db8::1]:1")->bytes, 40);
}
END_TEST

START_TEST(processes_of_one_user)
{
	struct address a = { 0 }, b = { 0 };
	const struct sent sent[] = { { &a, 1, 1 }, { &b, 2, 2 }, { &a, 4, 4 } };

	address_set_process(&a, 1000, 42);
	address_set_process(&b, 1000, 43);
	senders_add(senders, sent, 3);
	ck_assert_uint_eq(count_all(), 2);
	ck_assert_uint_eq(find("unix:uid=1000:pid=42")->datagrams, 5);
}
END_TEST

enum { PORTS = 3 * SENDERS, TURNS = 20000 };

/* Which ports are there. */
static void
find_ports(bool there[PORTS])
{
	struct sender list[64];
	size_t next = 0, count;

	while ((count = senders_copy(senders, &next, list, 64)) > 0)
		for (size_t i = 0; i < count; i++) {
			unsigned port = ntohs(list[i].peer.in.sin_port);

			ck_assert(!there[port]);
			there[port] = true;
		}
}

/* Against a model: the last SENDERS that were heard are there. */
START_TEST(the_last_ones_are_kept)
{
	static unsigned heard[PORTS];
	static bool there[PORTS];

	srand(7);
	for (unsigned turn = 1; turn <= TURNS; turn++) {
		/* Some are heard often. */
		unsigned port = (unsigned)rand() % PORTS;

		if (rand() % 2)
			port %= 64;
		heard[port] = turn;
		add("192.0.2.1", port, 1, 1);
	}
	ck_assert_uint_eq(count_all(), SENDERS);
	find_ports(there);
	for (unsigned port = 0; port < PORTS; port++) {
		unsigned younger = 0;

		for (unsigned other = 0; other < PORTS; other++)
			younger += heard[other] > heard[port];
		ck_assert_int_eq(there[port], heard[port] && younger < SENDERS);
	}
}
END_TEST

SUITE(senders)
{
	Suite *suite = suite_create("senders");
	TCase *tests = tcase_create("senders");

	tcase_add_checked_fixture(tests, set_up, clean_up);
	tcase_add_test(tests, none_at_first);
	tcase_add_test(tests, each_address_and_port_is_one);
	tcase_add_test(tests, processes_of_one_user);
	tcase_add_test(tests, the_last_ones_are_kept);
	suite_add_tcase(suite, tests);
	return suite;
}
