/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/thread.h"
#include "input/registry_view.h"

static struct inflight inflight;
static struct registry registry;
static atomic_ullong count;
static int left_fd, handover_fd;

static struct inflight
inflight_of(int send_fd, int receive_fd)
{
	return (struct inflight){ .send_fd = send_fd,
				  .receive_fd = receive_fd,
				  .first = 1,
				  .next = 1,
				  .peeked = 1 };
}

static void
set_up(void)
{
	int pair[2];

	left_fd = eventfd(0, EFD_NONBLOCK);
	ck_assert_int_ge(left_fd, 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	inflight = inflight_of(pair[0], pair[1]);
	handover_fd = eventfd(0, EFD_NONBLOCK);
	registry_init(&registry, &inflight, left_fd, handover_fd, 64);
	atomic_store(&count, 0);
}

static void
clean_up(void)
{
	registry_destroy(&registry);
	inflight_close(&inflight);
	close(left_fd);
	close(handover_fd);
}

/* Make an entry for one end of a socket pair; returns the other end. */
static int
make_entry(struct registry_entry *entry, const char *peer)
{
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	*entry = (struct registry_entry){ .fd = ends[0], .count = &count };
	ck_assert(address_parse(&entry->peer, peer, 1));
	return ends[1];
}

START_TEST(counts_all_and_those_of_a_host)
{
	struct registry_entry entries[3];
	int peers[3];

	peers[0] = make_entry(&entries[0], "192.0.2.1");
	peers[1] = make_entry(&entries[1], "::ffff:192.0.2.1");
	peers[2] = make_entry(&entries[2], "192.0.2.2");
	for (int i = 0; i < 3; i++)
		registry_add(&registry, &entries[i]);
	ck_assert_uint_eq(registry_count(&registry), 3);
	ck_assert_uint_eq(atomic_load(&count), 3);
	ck_assert_uint_eq(
		registry_count_source(&registry, &entries[0].peer, &count), 2);
	registry_close(&registry, &entries[0]);
	ck_assert_uint_eq(
		registry_count_source(&registry, &entries[1].peer, &count), 1);
	ck_assert_int_eq(fcntl(entries[0].fd, F_GETFD), -1);
	registry_remove(&registry, &entries[1]);
	ck_assert_int_eq(fcntl(entries[1].fd, F_GETFD), 0);
	close(entries[1].fd);
	registry_close(&registry, &entries[2]);
	ck_assert_uint_eq(registry_count(&registry), 0);
	for (int i = 0; i < 3; i++)
		close(peers[i]);
}
END_TEST

START_TEST(finds_the_host_with_most_entries)
{
	static const char *const hosts[] = { "192.0.2.1", "192.0.2.2",
					     "192.0.2.3", "192.0.2.2",
					     "192.0.2.3", "::ffff:192.0.2.2" };
	struct registry_entry entries[6];
	atomic_ullong others = 0;
	struct address source;
	int peers[6];

	ck_assert_uint_eq(registry_largest_source(&registry, NULL, &source), 0);
	for (int i = 0; i < 6; i++) {
		peers[i] = make_entry(&entries[i], hosts[i]);
		entries[i].count = i % 2 == 0 ? &others : &count;
		registry_add(&registry, &entries[i]);
	}
	ck_assert_uint_eq(registry_largest_source(&registry, NULL, &source), 3);
	ck_assert(address_same_host(&source, &entries[1].peer));
	ck_assert_uint_eq(registry_largest_source(&registry, &others, &source),
			  2);
	ck_assert(address_same_host(&source, &entries[2].peer));
	for (int i = 0; i < 6; i++) {
		registry_close(&registry, &entries[i]);
		close(peers[i]);
	}
}
END_TEST

START_TEST(counts_a_prefix_of_ipv6_as_one)
{
	static const char *const hosts[] = { "2001:db8::1", "2001:db8::ffff:1",
					     "2001:db8:0:1::1",
					     "::ffff:192.0.2.1" };
	struct registry_entry entries[4];
	struct address source, neighbour;
	int peers[4];

	for (int i = 0; i < 4; i++) {
		peers[i] = make_entry(&entries[i], hosts[i]);
		registry_add(&registry, &entries[i]);
	}
	ck_assert(address_parse(&neighbour, "2001:db8::2", 9));
	ck_assert_uint_eq(registry_count_source(&registry, &neighbour, &count),
			  2);
	ck_assert_uint_eq(
		registry_count_source(&registry, &entries[2].peer, &count), 1);
	ck_assert_uint_eq(
		registry_count_source(&registry, &entries[3].peer, &count), 1);
	ck_assert_uint_eq(registry_largest_source(&registry, NULL, &source), 2);
	ck_assert(address_parse(&neighbour, "2001:db8::", 0));
	ck_assert(address_same_host(&source, &neighbour));
	for (int i = 0; i < 4; i++) {
		registry_close(&registry, &entries[i]);
		close(peers[i]);
	}
}
END_TEST

static size_t
count_of(const char *host)
{
	struct address address;

	ck_assert(address_parse(&address, host, 9));
	return registry_count_source(&registry, &address, &count);
}

START_TEST(counts_another_peer_once_it_has_that)
{
	struct registry_entry entries[3];
	struct address told;
	int peers[3];

	for (int i = 0; i < 3; i++) {
		peers[i] = make_entry(&entries[i], "10.0.0.5");
		registry_add(&registry, &entries[i]);
	}
	ck_assert(address_parse(&told, "192.0.2.7", 3));
	ck_assert(registry_set_peer(&registry, &entries[0], &told, 2));
	ck_assert_uint_eq(entries[0].peer.in.sin_port, htons(3));
	ck_assert(registry_set_peer(&registry, &entries[1], &told, 2));
	/* Itself does not count. */
	ck_assert(registry_set_peer(&registry, &entries[1], &told, 2));
	ck_assert(!registry_set_peer(&registry, &entries[2], &told, 2));
	ck_assert_uint_eq(entries[2].peer.in.sin_port, htons(1));
	ck_assert_uint_eq(count_of("192.0.2.7"), 2);
	ck_assert_uint_eq(count_of("10.0.0.5"), 1);
	ck_assert(registry_set_peer(&registry, &entries[2], &told, 0));
	ck_assert_uint_eq(count_of("192.0.2.7"), 3);
	ck_assert_uint_eq(count_of("10.0.0.5"), 0);
	ck_assert_uint_eq(registry_count(&registry), 3);
	for (int i = 0; i < 3; i++) {
		registry_close(&registry, &entries[i]);
		close(peers[i]);
	}
	ck_assert_uint_eq(count_of("192.0.2.7"), 0);
}
END_TEST

START_TEST(counts_who_is_not_admitted)
{
	struct registry_entry entries[3];
	atomic_size_t unadmitted = 0;
	eventfd_t rung;
	int peers[3];

	for (int i = 0; i < 3; i++) {
		peers[i] = make_entry(&entries[i], "192.0.2.1");
		entries[i].unadmitted = i < 2 ? &unadmitted : NULL;
		registry_add(&registry, &entries[i]);
	}
	ck_assert_uint_eq(atomic_load(&unadmitted), 2);
	registry_admit(&registry, &entries[0]);
	ck_assert_uint_eq(atomic_load(&unadmitted), 1);
	ck_assert_int_lt(eventfd_read(left_fd, &rung), 0);
	registry_want_wakeup(&registry, true);
	registry_admit(&registry, &entries[2]);
	ck_assert_int_eq(eventfd_read(left_fd, &rung), 0);
	for (int i = 0; i < 3; i++) {
		registry_close(&registry, &entries[i]);
		close(peers[i]);
	}
	ck_assert_uint_eq(atomic_load(&unadmitted), 0);
}
END_TEST

START_TEST(rings_for_a_removal_only_if_wanted)
{
	struct registry_entry entries[2];
	int first = make_entry(&entries[0], "192.0.2.1");
	int second = make_entry(&entries[1], "192.0.2.1");
	eventfd_t rung;

	registry_add(&registry, &entries[0]);
	registry_add(&registry, &entries[1]);
	registry_close(&registry, &entries[0]);
	ck_assert_int_eq(eventfd_read(left_fd, &rung), -1);
	registry_want_wakeup(&registry, true);
	registry_close(&registry, &entries[1]);
	ck_assert_int_eq(eventfd_read(left_fd, &rung), 0);
	close(first);
	close(second);
}
END_TEST

START_TEST(stops_present_and_later_connections)
{
	struct registry_entry early, late;
	int first = make_entry(&early, "192.0.2.1");
	int second = make_entry(&late, "192.0.2.1");
	char byte;

	registry_add(&registry, &early);
	ck_assert_int_eq(recv(early.fd, &byte, 1, MSG_DONTWAIT), -1);
	registry_stop_all(&registry);
	ck_assert_int_eq(recv(early.fd, &byte, 1, MSG_DONTWAIT), 0);
	registry_add(&registry, &late);
	/* Not shut down yet: packets may be in flight. */
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

START_TEST(shuts_down_only_connections_with_blocked_input)
{
	struct registry_entry blocked, other;
	int first = make_entry(&blocked, "192.0.2.1");
	int second = make_entry(&other, "192.0.2.1");
	char byte;

	registry_add(&registry, &blocked);
	registry_add(&registry, &other);
	registry_block_input(&registry, &blocked);
	ck_assert_int_eq(recv(blocked.fd, &byte, 1, MSG_DONTWAIT), -1);
	registry_shut_down_blocked(&registry);
	ck_assert_int_eq(recv(blocked.fd, &byte, 1, MSG_DONTWAIT), 0);
	ck_assert_int_eq(recv(other.fd, &byte, 1, MSG_DONTWAIT), -1);
	registry_close(&registry, &blocked);
	registry_close(&registry, &other);
	close(first);
	close(second);
}
END_TEST

/* Counts how often each entry is started again. */
static void
start_again(struct registry_entry *entry, void *starts)
{
	ck_assert_int_eq(entry->state, ENTRY_OPEN);
	((int *)starts)[entry->fd]++;
}

START_TEST(starts_again_what_was_left_open)
{
	struct registry_entry left_open, active;
	int first = make_entry(&left_open, "192.0.2.1");
	int second = make_entry(&active, "192.0.2.1");
	struct pollfd handover = { .fd = handover_fd, .events = POLLIN };
	int starts[64] = { 0 };

	registry_add(&registry, &left_open);
	registry_add(&registry, &active);
	registry_hand_over(&registry);
	ck_assert_int_eq(poll(&handover, 1, 0), 1);
	ck_assert(atomic_load(&registry.handing_over));
	registry_leave_open(&registry, &left_open);
	ck_assert(!registry_is_handed_over(&registry));
	registry_leave_open(&registry, &active);
	ck_assert(registry_is_handed_over(&registry));
	registry_take_back(&registry, start_again, starts);
	ck_assert_int_eq(starts[left_open.fd], 1);
	ck_assert_int_eq(starts[active.fd], 1);
	ck_assert(!registry_is_handed_over(&registry));
	ck_assert(!atomic_load(&registry.handing_over));
	ck_assert_int_eq(poll(&handover, 1, 0), 0);
	registry_close(&registry, &left_open);
	registry_close(&registry, &active);
	close(first);
	close(second);
}
END_TEST

/* Read to the end of the stream, as a connection's thread does. */
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

START_TEST(waits_for_every_detached_thread)
{
	enum { THREADS = 64 };
	struct pollfd left = { .fd = left_fd, .events = POLLIN };
	int peers[THREADS];
	eventfd_t rung;

	for (int i = 0; i < THREADS; i++) {
		struct registry_entry *entry = malloc(sizeof *entry);

		peers[i] = make_entry(entry, "192.0.2.1");
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

/* Which entries a walk has met, by their number. */
struct met {
	const struct registry_entry *entries;
	unsigned count[8];
};

static void
meet(const struct registry_entry *entry, void *argument)
{
	struct met *met = argument;

	met->count[entry - met->entries]++;
}

START_TEST(a_walk_meets_all_that_stay)
{
	enum { ENTRIES = 8, LEAVING = 2 };
	struct registry_entry entries[ENTRIES];
	int peers[ENTRIES];
	struct met met = { .entries = entries };
	struct registry_walk walk, other;
	bool goes_on;

	/* Most are of one source, and so in one bucket, the last one first. */
	for (int i = 0; i < ENTRIES; i++) {
		peers[i] = make_entry(&entries[i],
				      i < 6 ? "192.0.2.1" : "192.0.2.2");
		registry_add(&registry, &entries[i]);
	}
	registry_walk_begin(&registry, &walk);
	registry_walk_begin(&registry, &other);
	registry_walk_end(&registry, &walk);
	registry_walk_begin(&registry, &walk);
	/* Now the walk is before the one that goes, wherever it begins. */
	do {
		goes_on = registry_walk_step(&registry, &walk, 1, meet, &met);
	} while (goes_on && !met.count[3]);
	ck_assert_uint_eq(met.count[LEAVING], 0);
	ck_assert_ptr_eq(walk.next, &entries[LEAVING]);
	registry_remove(&registry, &entries[LEAVING]);
	while (goes_on)
		goes_on = registry_walk_step(&registry, &walk, 2, meet, &met);
	registry_walk_end(&registry, &walk);
	registry_walk_end(&registry, &other);
	for (int i = 0; i < ENTRIES; i++) {
		ck_assert_uint_eq(met.count[i], i != LEAVING);
		if (i != LEAVING)
			registry_remove(&registry, &entries[i]);
		close(entries[i].fd);
		close(peers[i]);
	}
}
END_TEST

SUITE(registry)
{
	Suite *suite = suite_create("registry");
	TCase *tests = tcase_create("registry");

	tcase_add_checked_fixture(tests, set_up, clean_up);
	tcase_add_test(tests, counts_all_and_those_of_a_host);
	tcase_add_test(tests, finds_the_host_with_most_entries);
	tcase_add_test(tests, counts_a_prefix_of_ipv6_as_one);
	tcase_add_test(tests, counts_another_peer_once_it_has_that);
	tcase_add_test(tests, counts_who_is_not_admitted);
	tcase_add_test(tests, rings_for_a_removal_only_if_wanted);
	tcase_add_test(tests, stops_present_and_later_connections);
	tcase_add_test(tests, shuts_down_only_connections_with_blocked_input);
	tcase_add_test(tests, starts_again_what_was_left_open);
	tcase_add_test(tests, waits_for_every_detached_thread);
	tcase_add_test(tests, a_walk_meets_all_that_stay);
	suite_add_tcase(suite, tests);
	return suite;
}
