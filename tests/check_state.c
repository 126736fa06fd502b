/* SPDX-License-Identifier: MIT */
#include "check_state.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

START_TEST(places_are_claimed_once_and_used_again)
{
	struct state_connection *entries[PLACES];

	for (size_t i = 0; i < PLACES; i++) {
		entries[i] = claim(i, i + 1);
		ck_assert_uint_eq(atomic_load(&state.header->used), i + 1);
		for (size_t j = 0; j < i; j++)
			ck_assert_ptr_ne(entries[i], entries[j]);
	}
	ck_assert_ptr_null(state_claim(&state, sockets[0]));
	state_release(&state, entries[1]);
	ck_assert_ptr_eq(claim(1, 4), entries[1]);
	ck_assert_ptr_null(state_claim(&state, sockets[0]));
	ck_assert_uint_eq(atomic_load(&state.header->used), PLACES);
}
END_TEST

START_TEST(a_place_that_was_used_is_zero_but_for_its_socket)
{
	struct state_connection zero = { 0 }, *entry = claim(0, 1);

	memset(entry, 0xff, sizeof *entry);
	state_release(&state, entry);
	ck_assert_int_eq(atomic_load(&entry->use), STATE_FREE);
	ck_assert_ptr_eq(state_claim(&state, sockets[1]), entry);
	zero.cookie = state_cookie(sockets[1]);
	ck_assert_mem_eq(entry, &zero, sizeof zero);
}
END_TEST

START_TEST(each_socket_has_a_cookie_of_its_own)
{
	int copy = dup(sockets[0]);

	ck_assert_uint_ne(state_cookie(sockets[0]), 0);
	ck_assert_uint_ne(state_cookie(sockets[0]), state_cookie(sockets[1]));
	ck_assert_uint_eq(state_cookie(sockets[0]), state_cookie(copy));
	ck_assert_uint_eq(state_cookie(-1), 0);
	close(copy);
}
END_TEST

START_TEST(there_are_places_for_so_many_listeners)
{
	for (size_t i = 0; i < LISTENERS; i++)
		ck_assert_ptr_eq(state_add_listener(&state),
				 &state.listeners[i]);
	ck_assert_ptr_null(state_add_listener(&state));
}
END_TEST

START_TEST(each_state_has_a_run_of_its_own)
{
	const char *run = state.header->run;
	struct state other;

	ck_assert(state_open(&other, LISTENERS, PLACES, 8));
	ck_assert_uint_eq(strlen(run), STATE_RUN - 1);
	ck_assert_uint_eq(strspn(run, "0123456789abcdef"), STATE_RUN - 1);
	ck_assert_str_ne(run, other.header->run);
	state_close(&other);
}
END_TEST

static const struct {
	const char *keys[LISTENERS];
	bool is_same;
} names[] = {
	{ { "a udp [::]:1", "a unix-datagram /x" }, true },
	{ { "udp/1 udp 127.0.0.1:1", "udp/1 udp 127.0.0.2:1" }, true },
	{ { "a udp [::]:1", "b udp [::]:1" }, false },
	{ { "a udp [::]:1", "aa udp [::]:1" }, false },
	{ { "aa udp [::]:1", "a udp [::]:1" }, false },
	{ { "a udp [::]:1", "" }, false },
	{ { "", "a udp [::]:1" }, false },
};

START_TEST(listeners_of_one_name_share_a_number)
{
	struct state_listener *a = state_add_listener(&state);
	struct state_listener *b = state_add_listener(&state);
	atomic_ullong *expected = names[_i].is_same ? &a->last_record : NULL;

	strcpy(a->key, names[_i].keys[0]);
	strcpy(b->key, names[_i].keys[1]);
	ck_assert_ptr_eq(state_shared_number(&state, a), expected);
	ck_assert_ptr_eq(state_shared_number(&state, b), expected);
	if (b->key[0])
		ck_assert_ptr_eq(state_find_name(&state, b->key),
				 names[_i].is_same ? a : b);
	ck_assert_ptr_null(state_find_name(&state, "c udp [::]:1"));
}
END_TEST

START_TEST(a_change_is_seen_once_it_is_published)
{
	struct state_progress progress = { 0 };

	for (uint64_t i = 1; i < 5; i++) {
		struct state_position *p = state_next(&progress);

		ck_assert_uint_eq(p->read, i - 1);
		p->read = i;
		ck_assert_uint_eq(state_position(&progress)->read, i - 1);
		state_publish(&progress);
		ck_assert_ptr_eq(state_position(&progress), p);
	}
}
END_TEST

/* All its fields say the same. */
static void
write_for_ever(struct state_progress *progress)
{
	for (uint64_t i = 1;; i++) {
		struct state_position *p = state_next(progress);

		p->read = i;
		p->done = i;
		p->records = i;
		p->remaining = i;
		p->dropped = p->turn = (uint32_t)i;
		memset(p->count, (int)(i & 0xff), sizeof p->count);
		state_publish(progress);
	}
}

START_TEST(a_kill_at_any_moment_leaves_one_whole_position)
{
	struct state_progress *progress =
		mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const struct state_position *p;
	uint64_t read;
	pid_t pid;

	ck_assert_ptr_ne(progress, MAP_FAILED);
	*progress = (struct state_progress){ 0 };
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		write_for_ever(progress);
	while (state_position(progress)->read < (uint64_t)_i * 1000 + 1)
		usleep(100);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	p = state_position(progress);
	read = p->read;
	ck_assert_uint_eq(p->done, read);
	ck_assert_uint_eq(p->records, read);
	ck_assert_uint_eq(p->remaining, read);
	ck_assert_uint_eq(p->dropped, (uint32_t)read);
	ck_assert_uint_eq(p->turn, (uint32_t)read);
	for (size_t i = 0; i < sizeof p->count; i++)
		ck_assert_uint_eq(p->count[i], read & 0xff);
	munmap(progress, sizeof *progress);
}
END_TEST

SUITE(state)
{
	Suite *suite = suite_create("state");
	TCase *tests = tcase_create("state");

	tcase_add_checked_fixture(tests, set_up, clean_up);
	tcase_set_timeout(tests, 20);
	tcase_add_test(tests, places_are_claimed_once_and_used_again);
	tcase_add_test(tests, a_place_that_was_used_is_zero_but_for_its_socket);
	tcase_add_test(tests, each_socket_has_a_cookie_of_its_own);
	tcase_add_test(tests, there_are_places_for_so_many_listeners);
	tcase_add_test(tests, each_state_has_a_run_of_its_own);
	tcase_add_loop_test(tests, listeners_of_one_name_share_a_number, 0,
			    sizeof names / sizeof *names);
	tcase_add_test(tests, a_change_is_seen_once_it_is_published);
	tcase_add_loop_test(
		tests, a_kill_at_any_moment_leaves_one_whole_position, 0, 20);
	suite_add_tcase(suite, tests);
	return suite;
}
