/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/diag.h"
#include "output/output.h"

/*
 * The fake sink's answer to each call.  Positive: the most bytes that it takes;
 * 0: takes all; negative: it fails with this errno.
 */
static int script[16];
static bool reopen_at_failure;
static size_t calls, taken_size;
static char taken[4096];

static struct output output;
static char name[] = "fake";
static struct output_config config = { .name = name };
static int broken_fd;

static bool
fake_open(struct sink *sink)
{
	sink->fd = -1;
	return true;
}

static ssize_t
fake_write(struct sink *sink, const char *data, size_t size)
{
	int step = calls < 16 ? script[calls] : 0;

	(void)sink;
	calls++;
	if (step < 0) {
		if (reopen_at_failure)
			atomic_store(&output.reopens_requested, 1);
		errno = -step;
		return -1;
	}
	if (step > 0 && (size_t)step < size)
		size = (size_t)step;
	memcpy(taken + taken_size, data, size);
	taken_size += size;
	return (ssize_t)size;
}

static bool
fake_reopen(struct sink *sink)
{
	(void)sink;
	taken[taken_size++] = '|';
	return true;
}

static void
fake_close(struct sink *sink)
{
	(void)sink;
}

static const struct sink_ops fake = {
	.open = fake_open,
	.reopen = fake_reopen,
	.write = fake_write,
	.close = fake_close,
};

static void
set_up(void)
{
	broken_fd = eventfd(0, EFD_NONBLOCK);
	ck_assert(output_open(&output, &config, -1, broken_fd));
	output.ops = &fake;
	calls = taken_size = 0;
	reopen_at_failure = false;
	memset(script, 0, sizeof script);
	/* Hide the messages on stderr. */
	ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
}

static void
clean_up(void)
{
	output_close(&output);
	close(broken_fd);
}

static void
emit(const char *text, size_t records)
{
	output_add_waiting(&output, records);
	output_emit(&output, text, strlen(text), NULL, records);
}

static void
assert_taken(const char *text)
{
	ck_assert_uint_eq(taken_size, strlen(text));
	ck_assert_mem_eq(taken, text, taken_size);
}

START_TEST(continues_where_a_short_write_ended)
{
	script[0] = 1;
	script[1] = 2;
	script[2] = -EINTR;
	emit("one\ntwo\n", 2);
	assert_taken("one\ntwo\n");
	ck_assert_uint_eq(atomic_load(&output.counters.records), 2);
	ck_assert_uint_eq(atomic_load(&output.counters.bytes), 8);
	ck_assert_uint_eq(atomic_load(&output.counters.waiting), 0);
	ck_assert_uint_eq(atomic_load(&output.counters.errors), 0);
}
END_TEST

START_TEST(continues_a_line_after_the_disk_was_full)
{
	static const char *const starts[] = { "one\ntw", "o\n2" };
	const char *note;

	script[0] = 6;
	script[1] = -ENOSPC;
	emit("one\ntwo\n", 2);
	ck_assert_mem_eq(taken, "one\ntwo\n2", 9);
	ck_assert_mem_eq(taken, starts[0], 6);
	note = memmem(taken, taken_size, " - - * resumed seconds=", 23);
	ck_assert_ptr_nonnull(note);
	ck_assert_int_eq(taken[taken_size - 1], '\n');
	ck_assert_uint_eq(atomic_load(&output.counters.errors), 1);
	ck_assert_uint_ge(atomic_load(&output.counters.stalled_ms), 900);
}
END_TEST

START_TEST(reopens_between_two_lines_only)
{
	/* Requested while another thread writes: it does not call reopen. */
	script[0] = 2;
	atomic_store(&output.reopens_requested, 1);
	emit("one\n", 1);
	assert_taken("|one\n");
	output_request_reopen(&output);
	output_reopen(&output);
	assert_taken("|one\n|");
}
END_TEST

START_TEST(finishes_a_line_before_it_reopens)
{
	script[0] = 2;
	script[1] = -ENOSPC;
	script[2] = 2;
	reopen_at_failure = true;
	emit("one\ntwo\n", 2);
	ck_assert_mem_eq(taken, "one\n|two\n2", 10);
}
END_TEST

START_TEST(does_not_wait_for_the_lock_to_reopen)
{
	pthread_mutex_lock(&output.lock);
	output_request_reopen(&output);
	output_reopen(&output);
	ck_assert_uint_eq(taken_size, 0);
	pthread_mutex_unlock(&output.lock);
	emit("one\n", 1);
	assert_taken("|one\n");
}
END_TEST

START_TEST(counts_the_records_that_a_broken_pipe_lost)
{
	eventfd_t rung;

	script[0] = 4;
	script[1] = -EPIPE;
	emit("one\ntwo\n", 2);
	emit("three\n", 1);
	assert_taken("one\n");
	ck_assert_uint_eq(atomic_load(&output.counters.records), 1);
	ck_assert_uint_eq(atomic_load(&output.counters.waiting), 2);
	ck_assert_int_eq(eventfd_read(broken_fd, &rung), 0);
}
END_TEST

SUITE(output)
{
	Suite *suite = suite_create("output");
	TCase *tests = tcase_create("output");

	tcase_set_timeout(tests, 20);
	tcase_add_checked_fixture(tests, set_up, clean_up);
	tcase_add_test(tests, continues_where_a_short_write_ended);
	tcase_add_test(tests, continues_a_line_after_the_disk_was_full);
	tcase_add_test(tests, reopens_between_two_lines_only);
	tcase_add_test(tests, finishes_a_line_before_it_reopens);
	tcase_add_test(tests, does_not_wait_for_the_lock_to_reopen);
	tcase_add_test(tests, counts_the_records_that_a_broken_pipe_lost);
	suite_add_tcase(suite, tests);
	return suite;
}
