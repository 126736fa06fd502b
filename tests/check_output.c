/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "output/output.h"

/*
 * The fake sink's answer to each call.  Positive: the most bytes that it takes;
 * 0: takes all; negative: it fails with this errno.
 */
static int script[16];
static bool reopen_at_failure;
static bool is_other = true; /* what the path leads to */
static bool cannot_open;     /* at the first call */
static bool cannot_rotate;
static int looks[16]; /* the answers; SINK_SAME after these */
static size_t look_count;
static bool elsewhere[16]; /* the same for the path; false after these */
static size_t elsewhere_count;
static size_t calls, taken_size;
static char taken[4096];

static struct output output;
static char name[] = "fake";
static struct output_config config = { .name = name, .path = name };
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
	sink->end += (off_t)size;
	return (ssize_t)size;
}

static bool
fake_reopen(struct sink *sink, bool *other)
{
	if (cannot_open) {
		cannot_open = false;
		errno = ENOENT;
		return false;
	}
	taken[taken_size++] = is_other ? '|' : '=';
	*other = is_other;
	if (is_other)
		sink->end = 0;
	return true;
}

static enum sink_file
fake_look(struct sink *sink)
{
	(void)sink;
	return look_count < 16 ? (enum sink_file)looks[look_count++]
			       : SINK_SAME;
}

static bool
fake_is_elsewhere(const struct sink *sink)
{
	(void)sink;
	return elsewhere_count < 16 && elsewhere[elsewhere_count++];
}

static bool
fake_rotate(const struct sink *sink, bool *is_removed)
{
	(void)sink;
	*is_removed = false;
	errno = EACCES;
	taken[taken_size++] = '^';
	return !cannot_rotate;
}

static bool
fake_is_gone(const struct sink *sink, int error)
{
	(void)sink;
	return error == EPIPE;
}

static void
fake_close(struct sink *sink)
{
	(void)sink;
}

static const struct sink_ops fake = {
	.open = fake_open,
	.reopen = fake_reopen,
	.look = fake_look,
	.is_elsewhere = fake_is_elsewhere,
	.rotate = fake_rotate,
	.is_gone = fake_is_gone,
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
	reopen_at_failure = cannot_open = cannot_rotate = false;
	/* Whatever the test's own stdout is. */
	output.sink->type = S_IFREG;
	output.sink->end = 0;
	config.max_size = 0;
	is_other = true;
	look_count = elsewhere_count = 0;
	memset(elsewhere, 0, sizeof elsewhere);
	memset(script, 0, sizeof script);
	memset(looks, 0, sizeof looks);
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
	const struct rendered lines = { .data = text,
					.size = strlen(text),
					.count = records };

	output_add_waiting(&output, records);
	output_emit(&output, &lines);
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
	script[0] = 6;
	script[1] = 2;
	elsewhere[1] = true; /* not asked for in the middle of a line */
	emit("one\ntwo\n", 2);
	output.sink->look_at_ms = 0;
	emit("three\n", 1);
	assert_taken("one\ntwo\n|three\n");
}
END_TEST

/* What an error has stopped is not waited for: it may be for good. */
START_TEST(begins_a_line_again_in_another_file)
{
	static const int errors[] = { -ENOSPC, -ENOSPC, -EIO, -ESTALE };

	script[0] = 6;
	script[1] = errors[_i];
	reopen_at_failure = _i == 0;
	elsewhere[1] = _i == 1;
	emit("one\ntwo\n", 2);
	ck_assert_mem_eq(taken, "one\ntw|two\n2", 12);
	ck_assert_uint_eq(atomic_load(&output.counters.waiting), 0);
	ck_assert_uint_eq(atomic_load(&output.counters.records), 3);
}
END_TEST

START_TEST(goes_on_in_the_line_if_the_file_is_the_same)
{
	script[0] = 6;
	script[1] = -EIO;
	is_other = false;
	emit("one\ntwo\n", 2);
	ck_assert_mem_eq(taken, "one\ntw=o\n2", 10);
}
END_TEST

START_TEST(begins_a_line_again_in_a_file_that_was_emptied)
{
	script[0] = 6;
	script[1] = -ENOSPC;
	looks[2] = SINK_EMPTIED;
	emit("one\ntwo\n", 2);
	ck_assert_mem_eq(taken, "one\ntwtwo\n2", 11);
}
END_TEST

START_TEST(goes_on_in_raw_where_it_stopped)
{
	config.format = FORMAT_RAW;
	script[0] = 6;
	script[1] = -ENOSPC;
	elsewhere[1] = true;
	emit("one\ntwo\n", 2);
	config.format = FORMAT_TEXT;
	assert_taken("one\ntw|o\n");
}
END_TEST

START_TEST(writes_again_what_went_to_a_removed_file)
{
	script[0] = 6;
	looks[2] = SINK_REMOVED; /* after the second write */
	elsewhere[1] = true;
	emit("one\ntwo\n", 2);
	assert_taken("one\ntwo\n|one\ntwo\n");
	ck_assert_uint_eq(atomic_load(&output.counters.records), 2);
	ck_assert_uint_eq(atomic_load(&output.counters.waiting), 0);
}
END_TEST

START_TEST(holds_what_has_no_file)
{
	elsewhere[0] = elsewhere[1] = true;
	looks[0] = SINK_REMOVED;
	cannot_open = true;
	emit("one\n", 1);
	ck_assert_mem_eq(taken, "|one\n2", 6);
	ck_assert_uint_eq(atomic_load(&output.counters.errors), 1);
}
END_TEST

START_TEST(keeps_the_old_file_if_the_path_cannot_be_opened)
{
	elsewhere[0] = true;
	cannot_open = true;
	emit("one\n", 1);
	assert_taken("one\n");
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

/* What fits is one write, and a line that is too long has its own file. */
START_TEST(begins_a_new_file_before_the_line_that_is_too_much)
{
	static const struct {
		const char *text;
		size_t lines;
		const char *taken;
	} cases[] = {
		{ "one\ntwo\n", 2, "one\ntwo\n" },
		{ "one\ntwo\n\n", 3, "one\ntwo\n^|\n" },
		{ "one\ntwo\nsix\n", 3, "one\ntwo\n^|six\n" },
		{ "one\nthree\nx\n", 3, "one\n^|three\nx\n" },
		{ "one\nseventeen\ntwo\n", 3, "one\n^|seventeen\n^|two\n" },
	};

	config.max_size = 8;
	emit(cases[_i].text, cases[_i].lines);
	assert_taken(cases[_i].taken);
	ck_assert_uint_eq(atomic_load(&output.counters.records),
			  cases[_i].lines);
	ck_assert_uint_eq(atomic_load(&output.counters.waiting), 0);
}
END_TEST

START_TEST(finishes_a_line_before_the_next_file)
{
	config.max_size = 8;
	script[0] = 2;
	script[1] = 1;
	output.sink->end = 4; /* the first write takes a part of what fits */
	emit("two\nsix\n", 2);
	assert_taken("two\n^|six\n");
}
END_TEST

START_TEST(begins_no_file_within_raw)
{
	config.format = FORMAT_RAW;
	config.max_size = 8;
	script[0] = 9;
	emit("one\ntwo\nsix\n", 3);
	emit("x", 1);
	config.format = FORMAT_TEXT;
	assert_taken("one\ntwo\nsix\n^|x");
}
END_TEST

START_TEST(goes_on_in_a_file_that_cannot_be_rotated)
{
	config.max_size = 8;
	cannot_rotate = true;
	emit("one\ntwo\nsix\n", 3);
	emit("ten\nfour\n", 2); /* at once: it does not try again */
	assert_taken("one\ntwo\n^six\nten\nfour\n");
}
END_TEST

START_TEST(goes_on_if_the_next_file_cannot_be_made)
{
	config.max_size = 8;
	cannot_open = true;
	elsewhere[2] = true;
	emit("one\ntwo\nsix\nten\n", 4);
	assert_taken("one\ntwo\n^six\n|ten\n");
}
END_TEST

START_TEST(does_not_rotate_a_file_that_is_elsewhere)
{
	config.max_size = 8;
	elsewhere[1] = true;
	emit("one\ntwo\nsix\n", 3);
	assert_taken("one\ntwo\n|six\n");
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
	tcase_add_loop_test(tests, begins_a_line_again_in_another_file, 0, 4);
	tcase_add_test(tests, goes_on_in_the_line_if_the_file_is_the_same);
	tcase_add_test(tests, begins_a_line_again_in_a_file_that_was_emptied);
	tcase_add_test(tests, goes_on_in_raw_where_it_stopped);
	tcase_add_test(tests, writes_again_what_went_to_a_removed_file);
	tcase_add_test(tests, holds_what_has_no_file);
	tcase_add_test(tests, keeps_the_old_file_if_the_path_cannot_be_opened);
	tcase_add_test(tests, does_not_wait_for_the_lock_to_reopen);
	tcase_add_test(tests, counts_the_records_that_a_broken_pipe_lost);
	tcase_add_loop_test(tests,
			    begins_a_new_file_before_the_line_that_is_too_much,
			    0, 5);
	tcase_add_test(tests, finishes_a_line_before_the_next_file);
	tcase_add_test(tests, begins_no_file_within_raw);
	tcase_add_test(tests, goes_on_in_a_file_that_cannot_be_rotated);
	tcase_add_test(tests, goes_on_if_the_next_file_cannot_be_made);
	tcase_add_test(tests, does_not_rotate_a_file_that_is_elsewhere);
	suite_add_tcase(suite, tests);
	return suite;
}
