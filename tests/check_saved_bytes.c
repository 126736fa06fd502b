/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/thread.h"
#include "system/saved_bytes.h"

static struct saved_bytes bytes;

static void
set_up(void)
{
	saved_bytes_open(&bytes, 1);
	ck_assert_int_ge(bytes.fd, 0);
}

static void
clean_up(void)
{
	saved_bytes_discard(&bytes);
	ck_assert_int_eq(bytes.fd, -1);
	saved_bytes_discard(&bytes);
}

/* Each thread's are the same letter, and more and more of it. */
#define THREADS 4
#define TIMES 50
#define SIZE(i) ((size_t)(i) * (i)*10)

static struct writer {
	pthread_t thread;
	int letter;
	uint64_t at[TIMES];
} writers[THREADS];

static void *
write_all(void *argument)
{
	struct writer *writer = argument;
	char text[SIZE(TIMES)];

	memset(text, writer->letter, sizeof text);
	for (size_t i = 0; i < TIMES; i++)
		ck_assert(
			saved_bytes_add(&bytes, text, SIZE(i), &writer->at[i]));
	return NULL;
}

START_TEST(each_finds_again_what_it_has_added)
{
	char expected[SIZE(TIMES)];
	size_t sum = 0;

	for (int t = 0; t < THREADS; t++) {
		writers[t].letter = 'a' + t;
		ck_assert_int_eq(thread_start(&writers[t].thread, write_all,
					      &writers[t]),
				 0);
	}
	for (int t = 0; t < THREADS; t++)
		ck_assert_int_eq(pthread_join(writers[t].thread, NULL), 0);
	for (int t = 0; t < THREADS; t++)
		for (size_t i = 0; i < TIMES; i++) {
			unsigned char *copy = saved_bytes_read(
				bytes.fd, writers[t].at[i], SIZE(i));

			ck_assert_ptr_nonnull(copy);
			memset(expected, writers[t].letter, SIZE(i));
			ck_assert_mem_eq(copy, expected, SIZE(i));
			sum += SIZE(i);
			free(copy);
		}
	ck_assert_uint_eq(atomic_load(&bytes.size), sum);
}
END_TEST

START_TEST(what_it_does_not_have_is_not_read)
{
	static const struct {
		uint64_t at, size;
		bool is_there;
	} cases[] = {
		{ 0, 0, true },           { 0, 10, true },
		{ 3, 7, true },           { 10, 0, true },
		{ 0, 11, false },         { 10, 1, false },
		{ 11, 0, false },         { 1, UINT64_MAX, false },
		{ UINT64_MAX, 1, false }, { UINT64_MAX, 2, false },
		{ 0, UINT64_MAX, false }, { (uint64_t)1 << 63, 0, false },
	};
	uint64_t at;
	int pair[2];

	ck_assert(saved_bytes_add(&bytes, "0123456789", 10, &at));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		unsigned char *copy =
			saved_bytes_read(bytes.fd, cases[i].at, cases[i].size);

		ck_assert_msg((copy != NULL) == cases[i].is_there, "%zu", i);
		free(copy);
	}
	ck_assert_ptr_null(saved_bytes_read(-1, 0, 0));
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_ptr_null(saved_bytes_read(pair[0], 0, 1));
	close(pair[0]);
	close(pair[1]);
}
END_TEST

START_TEST(what_cannot_be_written_is_not_saved)
{
	struct saved_bytes none = { .fd = -1 };
	uint64_t at;

	ck_assert(!saved_bytes_add(&none, "x", 1, &at));
	ck_assert(saved_bytes_add(&none, "", 0, &at));
}
END_TEST

SUITE(saved_bytes)
{
	Suite *suite = suite_create("saved_bytes");
	TCase *tests = tcase_create("saved_bytes");

	tcase_add_checked_fixture(tests, set_up, clean_up);
	tcase_add_test(tests, each_finds_again_what_it_has_added);
	tcase_add_test(tests, what_it_does_not_have_is_not_read);
	tcase_add_test(tests, what_cannot_be_written_is_not_saved);
	suite_add_tcase(suite, tests);
	return suite;
}
