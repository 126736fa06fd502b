/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "input/note_summary.h"

#define MAX_RECORD 1000
#define OWN_PLACES (NOTE_SUMMARY_ENTRIES * 3 / 4)

static struct output_config output = { .type = OUTPUT_FILE, .mode = 0600 };
static struct listener_config config;
static struct state state;
static struct listener listener;
static struct note_summary summary;
static char path[32];
static int log_fd, wake_fd;

static void
set_up_for(enum protocol protocol)
{
	struct config all = { .outputs = &output, .output_count = 1 };

	log_fd = memfd_create("log", MFD_CLOEXEC);
	wake_fd = eventfd(0, EFD_NONBLOCK);
	snprintf(path, sizeof path, "/proc/self/fd/%d", log_fd);
	output.name = output.path = path;
	config = (struct listener_config){ .protocol = protocol };
	ck_assert(state_open(&state, 1, 1, 1));
	listener = (struct listener){ .config = &config, .name = "here" };
	ck_assert(listener_enter_state(&listener, &state));
	pool_init(&listener.pool, output_set_open(&all, -1, -1), 1,
		  listener.state_entry, MAX_RECORD, MAX_RECORD);
	note_summary_init(&summary, &listener, wake_fd);
}

static void
set_up(void)
{
	set_up_for(PROTOCOL_TCP);
}

static void
clean_up(void)
{
	note_summary_destroy(&summary);
	output_set_close(listener.pool.outputs);
	pool_destroy(&listener.pool);
	state_close(&state);
	close(wake_fd);
	close(log_fd);
}

static void
count(enum state_event what, const char *reason, const char *detail,
      const char *host)
{
	const struct note_event event = { .event = what,
					  .reason = reason,
					  .detail = detail };
	struct address source;

	ck_assert(address_parse(&source, host, 700));
	note_summary_count(&summary, &event, &source);
}

/* The notes in the log, a line each, of which nothing is left there. */
static char *
written(void)
{
	static const char before[] = " here - * ";
	size_t size = (size_t)lseek(log_fd, 0, SEEK_END), length;
	char *text = calloc(1, size + 1), *to = text, *rest, *line;

	ck_assert_ptr_nonnull(text);
	ck_assert_int_eq(pread(log_fd, text, size, 0), (ssize_t)size);
	ck_assert_int_eq(ftruncate(log_fd, 0), 0);
	for (rest = text; (line = strsep(&rest, "\n")) && rest;) {
		line = strstr(line, before);
		ck_assert_ptr_nonnull(line);
		line += strlen(before);
		length = strlen(line);
		memmove(to, line, length);
		to[length] = '\n';
		to += length + 1;
	}
	*to = '\0';
	return text;
}

static void
expect_written(const char *expected)
{
	char *text = written();

	ck_assert_str_eq(text, expected);
	free(text);
}

static void
expect_all(const char *expected)
{
	note_summary_write(&summary, LLONG_MAX);
	expect_written(expected);
}

START_TEST(each_source_and_reason_has_a_note_with_its_count)
{
	static const struct {
		enum state_event event;
		const char *reason, *detail, *host;
	} events[] = {
		{ EVENT_REFUSED, "network", NULL, "192.0.2.7" },
		{ EVENT_REFUSED, "network", NULL, "192.0.2.8" },
		{ EVENT_REFUSED, "network", NULL, "::ffff:192.0.2.7" },
		{ EVENT_REFUSED, "limit", NULL, "192.0.2.7" },
		{ EVENT_REFUSED, "proxy", "detail=short", "192.0.2.7" },
		{ EVENT_REFUSED, "proxy", "detail=long", "192.0.2.7" },
		{ EVENT_REFUSED, "proxy", "detail=short", "192.0.2.7" },
		{ EVENT_REFUSED, "proxy", NULL, "192.0.2.7" },
		{ EVENT_PROBES, NULL, NULL, "2001:db8::7" },
		{ EVENT_PROBES, NULL, NULL, "2001:db8::7" },
		{ EVENT_REFUSED, NULL, NULL, "2001:db8::7" },
	};

	for (size_t i = 0; i < sizeof events / sizeof *events; i++)
		count(events[i].event, events[i].reason, events[i].detail,
		      events[i].host);
	expect_all("refused connections=2 peer=192.0.2.7 reason=network\n"
		   "refused connections=1 peer=192.0.2.8 reason=network\n"
		   "refused connections=1 peer=192.0.2.7 reason=limit\n"
		   "refused connections=2 peer=192.0.2.7 reason=proxy "
		   "detail=short\n"
		   "refused connections=1 peer=192.0.2.7 reason=proxy "
		   "detail=long\n"
		   "refused connections=1 peer=192.0.2.7 reason=proxy\n"
		   "probes connections=2 peer=2001:db8::7\n"
		   "refused connections=1 peer=2001:db8::7\n");
	expect_all("");
}
END_TEST

START_TEST(a_note_is_due_a_minute_after_its_first_event)
{
	long long begin_ms = clock_now_ms(), due_ms;
	eventfd_t rung;

	ck_assert(note_summary_deadline_ms(&summary) == LLONG_MAX);
	count(EVENT_PROBES, NULL, NULL, "192.0.2.7");
	due_ms = note_summary_deadline_ms(&summary);
	ck_assert_int_ge(due_ms, begin_ms + 60000);
	ck_assert_int_le(due_ms, clock_now_ms() + 60000);
	ck_assert_int_eq(eventfd_read(wake_fd, &rung), 0);
	count(EVENT_PROBES, NULL, NULL, "192.0.2.8");
	count(EVENT_PROBES, NULL, NULL, "192.0.2.7");
	ck_assert_int_eq(eventfd_read(wake_fd, &rung), -1);
	ck_assert(note_summary_deadline_ms(&summary) == due_ms);
	summary.entries[1].deadline_ms = due_ms + 1;
	note_summary_write(&summary, due_ms - 1);
	expect_written("");
	note_summary_write(&summary, due_ms);
	expect_written("probes connections=2 peer=192.0.2.7\n");
	ck_assert(note_summary_deadline_ms(&summary) == due_ms + 1);
	note_summary_write(&summary, due_ms + 1);
	expect_written("probes connections=1 peer=192.0.2.8\n");
	ck_assert(note_summary_deadline_ms(&summary) == LLONG_MAX);
}
END_TEST

/* Of each of so many sources an event, and then another. */
static void
count_sources(unsigned sources, const char *reason, const char *detail)
{
	for (unsigned i = 0; i < 2 * sources; i++) {
		char host[32];

		snprintf(host, sizeof host, "2001:db8::%x", i % sources + 1);
		count(EVENT_REFUSED, reason, detail, host);
	}
}

START_TEST(sources_without_a_place_are_counted_together)
{
	char *text, *rest, *line;
	unsigned own = 0;

	count_sources(OWN_PLACES + 100, "network", "detail=x");
	count(EVENT_PROBES, NULL, NULL, "192.0.2.7");
	count(EVENT_REFUSED, "limit", NULL, "192.0.2.7");
	note_summary_write(&summary, LLONG_MAX);
	rest = text = written();
	for (; own < OWN_PLACES; own++) {
		char expected[96];

		line = strsep(&rest, "\n");
		snprintf(expected, sizeof expected,
			 "refused connections=2 peer=2001:db8::%x "
			 "reason=network detail=x",
			 own + 1);
		ck_assert_str_eq(line, expected);
	}
	ck_assert_str_eq(rest,
			 "refused connections=200 peer=others reason=network\n"
			 "probes connections=1 peer=others\n"
			 "refused connections=1 peer=others reason=limit\n");
	free(text);
}
END_TEST

START_TEST(a_source_has_a_place_again_once_others_are_written)
{
	count_sources(OWN_PLACES, "network", NULL);
	note_summary_write(&summary, LLONG_MAX);
	free(written());
	count(EVENT_REFUSED, "network", NULL, "192.0.2.7");
	expect_all("refused connections=1 peer=192.0.2.7 reason=network\n");
}
END_TEST

START_TEST(a_long_detail_is_cut)
{
	char detail[NOTE_SUMMARY_DETAIL + 10], expected[400];

	memset(detail, 'x', sizeof detail - 1);
	detail[sizeof detail - 1] = '\0';
	count(EVENT_REFUSED, "proxy", detail, "192.0.2.7");
	detail[sizeof detail - 2] = 'y';
	count(EVENT_REFUSED, "proxy", detail, "192.0.2.7");
	snprintf(expected, sizeof expected,
		 "refused connections=2 peer=192.0.2.7 reason=proxy %.*s\n",
		 NOTE_SUMMARY_DETAIL - 1, detail);
	expect_all(expected);
}
END_TEST

/* As if this process had been killed: what the next one knows is the state. */
static void
start_again(void)
{
	note_summary_destroy(&summary);
	note_summary_init(&summary, &listener, wake_fd);
}

START_TEST(what_a_killed_process_had_counted_is_written_once)
{
	count(EVENT_REFUSED, "network", NULL, "192.0.2.7");
	count(EVENT_REFUSED, "limit", NULL, "192.0.2.8");
	count(EVENT_PROBES, NULL, NULL, "192.0.2.7");
	start_again();
	ck_assert_int_eq(note_summary_deadline_ms(&summary), 0);
	count(EVENT_REFUSED, "network", NULL, "192.0.2.7");
	note_summary_write(&summary, clock_now_ms());
	expect_written("refused connections=2 peer=-\n"
		       "probes connections=1 peer=-\n");
	start_again();
	expect_all("refused connections=1 peer=-\n");
	start_again();
	expect_all("");
}
END_TEST

START_TEST(others_and_those_of_a_killed_process_are_apart)
{
	count_sources(OWN_PLACES, NULL, NULL);
	start_again();
	count_sources(OWN_PLACES, NULL, NULL);
	note_summary_write(&summary, clock_now_ms());
	expect_written("refused connections=768 peer=-\n");
	ck_assert_uint_eq(summary.unnoted[EVENT_REFUSED], 768);
}
END_TEST

START_TEST(the_thread_of_udp_publishes_with_its_progress)
{
	set_up_for(PROTOCOL_UDP);
	count(EVENT_REFUSED, "network", NULL, "192.0.2.7");
	ck_assert_uint_eq(summary.unnoted[EVENT_REFUSED], 1);
	ck_assert_uint_eq(state_position(&listener.state_entry->progress)
				  ->unnoted[EVENT_REFUSED],
			  0);
	expect_all("refused datagrams=1 peer=192.0.2.7 reason=network\n");
	ck_assert_uint_eq(summary.unnoted[EVENT_REFUSED], 0);
	clean_up();
}
END_TEST

/* What the call says on stderr; in the log there is nothing. */
START_TEST(what_is_given_up_is_told_on_stderr)
{
	char text[400] = "";
	int kept = dup(STDERR_FILENO), told = memfd_create("err", MFD_CLOEXEC);

	count(EVENT_REFUSED, "network", NULL, "192.0.2.7");
	count(EVENT_PROBES, NULL, NULL, "192.0.2.8");
	dup2(told, STDERR_FILENO);
	note_summary_log_unwritten(&summary);
	dup2(kept, STDERR_FILENO);
	ck_assert_int_gt(pread(told, text, sizeof text - 1, 0), 0);
	ck_assert_ptr_nonnull(
		strstr(text, "abandoned: listener here: refused connections=1 "
			     "peer=192.0.2.7 reason=network\n"));
	ck_assert_ptr_nonnull(
		strstr(text, "abandoned: listener here: probes connections=1 "
			     "peer=192.0.2.8\n"));
	expect_all("");
	close(kept);
	close(told);
}
END_TEST

SUITE(note_summary)
{
	Suite *suite = suite_create("note_summary");
	TCase *tcp = tcase_create("tcp"), *udp = tcase_create("udp");

	tcase_add_checked_fixture(tcp, set_up, clean_up);
	tcase_add_test(tcp, each_source_and_reason_has_a_note_with_its_count);
	tcase_add_test(tcp, a_note_is_due_a_minute_after_its_first_event);
	tcase_add_test(tcp, sources_without_a_place_are_counted_together);
	tcase_add_test(tcp, a_source_has_a_place_again_once_others_are_written);
	tcase_add_test(tcp, a_long_detail_is_cut);
	tcase_add_test(tcp, what_a_killed_process_had_counted_is_written_once);
	tcase_add_test(tcp, others_and_those_of_a_killed_process_are_apart);
	tcase_add_test(tcp, what_is_given_up_is_told_on_stderr);
	suite_add_tcase(suite, tcp);
	tcase_add_test(udp, the_thread_of_udp_publishes_with_its_progress);
	suite_add_tcase(suite, udp);
	return suite;
}
