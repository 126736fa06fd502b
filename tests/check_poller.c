/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/thread.h"
#include "input/connection_io.h"
#include "input/connection_progress.h"
#include "input/connection_thread.h"
#include "input/poller.h"

#define PEERS 20 /* more than the poller reads into one batch */

static struct output_config output = { .type = OUTPUT_FILE, .mode = 0600 };
#define MAX_RECORD 8192

static struct listener_config config = { .limits = { .max_record = 100 } };
static struct inflight inflight = { .send_fd = -1, .receive_fd = -1 };
static struct registry registry;
static struct state state;
static struct listener listener;
static char path[32];
static int log_fd;

static atomic_bool syncs_are_held;

/* In the place of that of libc, for all of this program. */
int
fdatasync(int fd)
{
	while (atomic_load(&syncs_are_held))
		usleep(1000);
	return (int)syscall(SYS_fdatasync, fd);
}

/* A connection whose own thread only lets the poller serve it, or has none. */
static struct peer {
	int fd; /* the peer's end */
	pthread_t thread;
	struct connection *connection;
	bool stays;          /* join again if a slow test makes it look idle */
	bool begins_without; /* a thread */
	atomic_bool has_thread; /* which the poller has started */
	enum ending ending;
	uint64_t records;
} peers[PEERS];

static void
set_up_with(enum output_sync sync)
{
	struct config all = { .outputs = &output, .output_count = 1 };

	strcpy(path, "/tmp/check-poller-XXXXXX");
	log_fd = mkostemp(path, O_CLOEXEC);
	ck_assert_int_ge(log_fd, 0);
	output.name = output.path = path;
	output.sync = sync;
	registry_init(&registry, &inflight, eventfd(0, EFD_NONBLOCK),
		      eventfd(0, EFD_NONBLOCK), 64);
	ck_assert(state_open(&state, 1, PEERS, 1));
	listener = (struct listener){ .config = &config,
				      .name = "here",
				      .registry = &registry };
	ck_assert(listener_enter_state(&listener, &state));
	pool_init(&listener.pool,
		  output_set_open(&all, registry.left_fd, registry.left_fd), 1,
		  listener.state_entry, framer_capacity(MAX_RECORD),
		  MAX_RECORD);
	listener.poller = poller_start(&listener);
	ck_assert_ptr_nonnull(listener.poller);
}

static void
set_up(void)
{
	set_up_with(SYNC_NONE);
}

static void
set_up_synced(void)
{
	set_up_with(SYNC_ALWAYS);
}

static void
set_up_receipts(void)
{
	set_up_with(SYNC_RECEIPT);
}

static void
clean_up(void)
{
	poller_stop(listener.poller);
	output_set_close(listener.pool.outputs);
	pool_destroy(&listener.pool);
	close(registry.left_fd);
	close(registry.handover_fd);
	registry_destroy(&registry);
	state_close(&state);
	close(log_fd);
	unlink(path);
}

static void *
peer_main(void *argument)
{
	struct peer *peer = argument;

	do {
		peer->connection->coalesce.active = true;
		peer->ending = poller_serve(listener.poller, peer->connection);
	} while (peer->stays && peer->ending == ENDING_NONE);
	peer->records = peer->connection->records;
	return NULL;
}

/* What the poller starts for a connection that had no thread. */
static void *
started_main(void *argument)
{
	struct connection *c = argument;
	struct peer *peer = &peers[c->origin.connection - 1];

	peer->ending = c->poll_entry.ending;
	peer->records = c->records;
	atomic_store(&peer->has_thread, true);
	return NULL;
}

static void
open_peer(struct peer *peer)
{
	struct connection *c = connection_new(&listener);
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	*peer = (struct peer){ .fd = ends[0], .connection = c };
	c->entry.fd = ends[1];
	ck_assert(address_parse(&c->entry.peer, "192.0.2.1", 1));
	connection_accepted(c, (uint64_t)(peer - peers) + 1);
	ck_assert(connection_progress_begin(c, NULL));
	registry_add(&registry, &c->entry);
}

static void
join(struct peer *peer, bool stays)
{
	open_peer(peer);
	peer->stays = stays;
	ck_assert_int_eq(thread_start(&peer->thread, peer_main, peer), 0);
}

static void
begin(struct peer *peer)
{
	open_peer(peer);
	peer->begins_without = true;
	ck_assert(
		poller_begin(listener.poller, peer->connection, started_main));
}

static void
close_peer(struct peer *peer)
{
	connection_progress_end(peer->connection);
	registry_close(&registry, &peer->connection->entry);
	peer->connection->entry.fd = -1;
	connection_free(peer->connection);
	close(peer->fd);
}

/* Wait until the poller has returned the connection; returns how. */
static enum ending
leave(struct peer *peer)
{
	if (!peer->begins_without)
		ck_assert_int_eq(pthread_join(peer->thread, NULL), 0);
	while (peer->begins_without && !atomic_load(&peer->has_thread))
		usleep(1000);
	close_peer(peer);
	return peer->ending;
}

static void
send_text(const struct peer *peer, const char *text)
{
	ck_assert_int_eq(send(peer->fd, text, strlen(text), 0),
			 (ssize_t)strlen(text));
}

/* Wait until a text is in the log so often; returns how often it is. */
static int
count(const char *text, int wanted)
{
	static char log[65536];
	int found = 0;

	/* No end of its own: Check stops a test that takes too long. */
	do {
		const char *at = log;

		usleep(1000);
		log[pread(log_fd, log, sizeof log - 1, 0)] = '\0';
		for (found = 0; (at = strstr(at, text)); at++)
			found++;
	} while (found < wanted);
	return found;
}

/*
 * End one that has no thread: the poller does so, and frees it; or a thread, if
 * the output is synced.
 */
static void
end(struct peer *peer)
{
	char byte;

	ck_assert(!atomic_load(&peer->has_thread));
	shutdown(peer->fd, SHUT_WR);
	if (output_set_has_sync(listener.pool.outputs, 1)) {
		ck_assert_int_eq(leave(peer), ENDING_EOF);
		return;
	}
	ck_assert_int_eq(recv(peer->fd, &byte, 1, 0), 0);
	ck_assert(!atomic_load(&peer->has_thread));
	close(peer->fd);
}

START_TEST(reads_for_all_its_connections)
{
	for (int i = 0; i < PEERS; i++)
		join(&peers[i], true);
	for (int turn = 1; turn <= 50; turn++) {
		for (int i = 0; i < PEERS; i++)
			send_text(&peers[i], "a line\n");
		ck_assert_int_eq(count("F a line\n", turn * PEERS),
				 turn * PEERS);
	}
	for (int i = 0; i < PEERS; i++)
		shutdown(peers[i].fd, SHUT_WR);
	for (int i = 0; i < PEERS; i++) {
		ck_assert_int_eq(leave(&peers[i]), ENDING_EOF);
		ck_assert_uint_eq(peers[i].records, 50);
	}
}
END_TEST

START_TEST(keeps_each_unfinished_record_apart)
{
	for (int i = 0; i < PEERS; i++)
		join(&peers[i], true);
	for (int i = 0; i < PEERS; i++)
		send_text(&peers[i], i % 2 ? "ha" : "whole\nha");
	ck_assert_int_eq(count("F whole\n", PEERS / 2), PEERS / 2);
	for (int i = 0; i < PEERS; i++)
		send_text(&peers[i], "lf\n");
	ck_assert_int_eq(count("F half\n", PEERS), PEERS);
	for (int i = 0; i < PEERS; i++)
		shutdown(peers[i].fd, SHUT_WR);
	for (int i = 0; i < PEERS; i++)
		ck_assert_int_eq(leave(&peers[i]), ENDING_EOF);
}
END_TEST

START_TEST(returns_an_idle_connection)
{
	join(&peers[0], false);
	send_text(&peers[0], "one\n");
	ck_assert_int_eq(leave(&peers[0]), ENDING_NONE);
	ck_assert_int_eq(count("F one\n", 1), 1);
}
END_TEST

START_TEST(returns_a_connection_that_breaks_the_framing)
{
	config.framing = FRAMING_OCTET_COUNTED;
	join(&peers[0], false);
	send_text(&peers[0], "3 one+");
	ck_assert_int_eq(leave(&peers[0]), ENDING_NONE);
	ck_assert_int_eq(count("F one\n", 1), 1);
	config.framing = FRAMING_LINE;
}
END_TEST

START_TEST(returns_all_connections_for_a_restart)
{
	for (int i = 0; i < PEERS; i++)
		join(&peers[i], false);
	registry_hand_over(&registry);
	for (int i = 0; i < PEERS; i++)
		ck_assert_int_eq(leave(&peers[i]), ENDING_NONE);
	/* And a later connection is returned at once. */
	join(&peers[0], false);
	ck_assert_int_eq(leave(&peers[0]), ENDING_NONE);
}
END_TEST

START_TEST(reads_for_those_that_have_no_thread)
{
	for (int i = 0; i < PEERS; i++)
		begin(&peers[i]);
	for (int turn = 1; turn <= 10; turn++) {
		for (int i = 0; i < PEERS; i++)
			send_text(&peers[i], "a line\n");
		ck_assert_int_eq(count("F a line\n", turn * PEERS),
				 turn * PEERS);
	}
	/* However long they are silent. */
	usleep(600000);
	for (int i = 0; i < PEERS; i++)
		end(&peers[i]);
	if (!output_set_has_sync(listener.pool.outputs, 1))
		ck_assert_uint_eq(
			atomic_load(&listener.events->closed[ENDING_EOF]),
			PEERS);
	ck_assert_uint_eq(atomic_load(&listener.counters->records), 10 * PEERS);
}
END_TEST

START_TEST(starts_a_thread_for_an_unfinished_record)
{
	config.limits.flush_timeout_ms = 1000;
	begin(&peers[0]);
	begin(&peers[1]);
	send_text(&peers[0], "one\nha");
	send_text(&peers[1], "one\n");
	ck_assert_int_eq(leave(&peers[0]), ENDING_NONE);
	ck_assert_int_eq(count("F one\n", 2), 2);
	end(&peers[1]);
}
END_TEST

START_TEST(starts_a_thread_for_large_writes)
{
	static char text[50001];

	memset(text, 'x', sizeof text - 1);
	for (size_t at = 99; at < sizeof text - 1; at += 100)
		text[at] = '\n';
	begin(&peers[0]);
	send_text(&peers[0], text);
	ck_assert_int_eq(leave(&peers[0]), ENDING_NONE);
	ck_assert_uint_eq(peers[0].records, 500);
}
END_TEST

START_TEST(starts_none_where_an_unfinished_record_has_no_timer)
{
	config.limits.flush_timeout_ms = 0;
	begin(&peers[0]);
	send_text(&peers[0], "one\nha");
	ck_assert_int_eq(count("F one\n", 1), 1);
	usleep(100000);
	ck_assert(!atomic_load(&peers[0].has_thread));
	send_text(&peers[0], "lf\n");
	ck_assert_int_eq(count("F half\n", 1), 1);
	end(&peers[0]);
}
END_TEST

/* Then the poller's batch serves the next ones. */
START_TEST(a_short_unfinished_record_needs_no_batch)
{
	static char text[5005] = "one\n";

	config.limits.max_record = sizeof text;
	memset(text + 4, 'x', sizeof text - 5);
	for (int i = 0; i < 2; i++)
		begin(&peers[i]);
	send_text(&peers[0], "one\nha");
	send_text(&peers[1], text);
	ck_assert_int_eq(count("F one\n", 2), 2);
	registry_hand_over(&registry);
	while (!registry_is_handed_over(&registry))
		usleep(1000);
	ck_assert_uint_eq(connection_held(peers[0].connection), 2);
	ck_assert_mem_eq(peers[0].connection->rest, "ha", 2);
	ck_assert_ptr_null(peers[0].connection->batch);
	ck_assert_uint_eq(connection_held(peers[1].connection), 5000);
	ck_assert_ptr_nonnull(peers[1].connection->batch);
	for (int i = 0; i < 2; i++)
		close_peer(&peers[i]);
}
END_TEST

START_TEST(hands_over_those_that_have_no_thread)
{
	for (int i = 0; i < PEERS; i++)
		begin(&peers[i]);
	send_text(&peers[0], "one\nha");
	ck_assert_int_eq(count("F one\n", 1), 1);
	registry_hand_over(&registry);
	while (!registry_is_handed_over(&registry))
		usleep(1000);
	ck_assert_uint_eq(connection_held(peers[0].connection), 2);
	for (int i = 0; i < PEERS; i++) {
		ck_assert(!atomic_load(&peers[i].has_thread));
		close_peer(&peers[i]);
	}
	/* And a later one cannot begin so. */
	open_peer(&peers[0]);
	ck_assert(!poller_begin(listener.poller, peers[0].connection,
				started_main));
	close_peer(&peers[0]);
}
END_TEST

START_TEST(is_alive_while_all_are_at_rest)
{
	begin(&peers[0]);
	send_text(&peers[0], "one\n");
	ck_assert_int_eq(count("F one\n", 1), 1);
	usleep(10000);
	for (int i = 0; i < 5; i++)
		ck_assert(poller_is_alive(listener.poller));
	end(&peers[0]);
}
END_TEST

START_TEST(has_as_many_turns_as_there_are_cores)
{
	struct turns *turns = poller_turns(listener.poller);
	int count = 0;

	while (turns_take(turns))
		count++;
	ck_assert_int_eq(count, get_nprocs() > 2 ? get_nprocs() : 2);
}
END_TEST

START_TEST(reads_for_others_while_it_waits_for_a_sync)
{
	atomic_store(&syncs_are_held, true);
	for (int i = 0; i < 4; i++)
		join(&peers[i], true);
	send_text(&peers[0], "one\n");
	ck_assert_int_eq(count("F one\n", 1), 1);
	send_text(&peers[1], "two\n");
	ck_assert_int_eq(count("F two\n", 1), 1);
	/* Now both wait: no more is read than what two batches hold. */
	send_text(&peers[2], "three\n");
	send_text(&peers[3], "four\n");
	usleep(50000);
	ck_assert_int_eq(count("F three\n", 0) + count("F four\n", 0), 0);
	atomic_store(&syncs_are_held, false);
	ck_assert_int_eq(count("F three\n", 1) + count("F four\n", 1), 2);
	for (int i = 0; i < 4; i++)
		shutdown(peers[i].fd, SHUT_WR);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(leave(&peers[i]), ENDING_EOF);
}
END_TEST

START_TEST(is_alive_while_it_works_or_has_nothing_to_do)
{
	for (int i = 0; i < 3; i++)
		ck_assert(poller_is_alive(listener.poller));
	join(&peers[0], false);
	send_text(&peers[0], "one\n");
	ck_assert_int_eq(count("F one\n", 1), 1);
	/* It has made a round, or will soon. */
	while (!poller_is_alive(listener.poller))
		usleep(1000);
	ck_assert_int_eq(leave(&peers[0]), ENDING_NONE);
	ck_assert(poller_is_alive(listener.poller));
}
END_TEST

static void
add_tests(TCase *tests)
{
	tcase_set_timeout(tests, 20);
	tcase_add_test(tests, reads_for_all_its_connections);
	tcase_add_test(tests, keeps_each_unfinished_record_apart);
	tcase_add_test(tests, returns_an_idle_connection);
	tcase_add_test(tests, returns_a_connection_that_breaks_the_framing);
	tcase_add_test(tests, returns_all_connections_for_a_restart);
	tcase_add_test(tests, reads_for_those_that_have_no_thread);
	tcase_add_test(tests, starts_a_thread_for_an_unfinished_record);
	tcase_add_test(tests, starts_a_thread_for_large_writes);
	tcase_add_test(tests,
		       starts_none_where_an_unfinished_record_has_no_timer);
	tcase_add_test(tests, a_short_unfinished_record_needs_no_batch);
	tcase_add_test(tests, hands_over_those_that_have_no_thread);
	tcase_add_test(tests, is_alive_while_all_are_at_rest);
	tcase_add_test(tests, has_as_many_turns_as_there_are_cores);
	tcase_add_test(tests, is_alive_while_it_works_or_has_nothing_to_do);
}

SUITE(poller)
{
	Suite *suite = suite_create("poller");
	TCase *plain = tcase_create("poller");
	TCase *synced = tcase_create("two pollers");
	TCase *receipts = tcase_create("receipts");

	tcase_add_checked_fixture(plain, set_up, clean_up);
	add_tests(plain);
	suite_add_tcase(suite, plain);
	tcase_add_checked_fixture(synced, set_up_synced, clean_up);
	add_tests(synced);
	tcase_add_test(synced, reads_for_others_while_it_waits_for_a_sync);
	suite_add_tcase(suite, synced);
	tcase_add_checked_fixture(receipts, set_up_receipts, clean_up);
	tcase_add_test(receipts, reads_for_those_that_have_no_thread);
	suite_add_tcase(suite, receipts);
	return suite;
}
