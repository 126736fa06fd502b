/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "record/format.h"
#include "record/log_line.h"

#define TIME "2026-11-23T07:12:01.123456Z"

static const struct {
	const char *line;
	enum tag tag;
	const char *data;
} lines[] = {
	{ TIME " tcp/8888 192.0.2.7:51034 F hello world", TAG_WHOLE,
	  "hello world" },
	{ TIME " tcp/8888 192.0.2.7:51034 E ", TAG_END, "" },
	{ TIME " tcp/8888 192.0.2.7:51034 E", TAG_END, "" },
	{ TIME " tcp/8888 192.0.2.7:51034 P  two  spaces ", TAG_PIECE,
	  " two  spaces " },
	{ TIME " a [::1]:5 T \\x1b\\n\\r\\\\x", TAG_TRUNCATED, "\x1b\n\r\\x" },
	{ TIME " udp/8888 - * lost datagrams=37", TAG_NOTE,
	  "lost datagrams=37" },
};

START_TEST(reads_lines_of_text)
{
	char *line = strdup(lines[_i].line);
	struct log_line log_line;

	ck_assert_ptr_null(log_line_parse_text(&log_line, line, strlen(line)));
	ck_assert_int_eq(log_line.tag, lines[_i].tag);
	ck_assert_uint_eq(log_line.size, strlen(lines[_i].data));
	ck_assert_mem_eq(log_line.data, lines[_i].data, log_line.size);
	free(line);
}
END_TEST

static const struct {
	const char *line;
	const char *expected; /* part of the error */
} faulty[] = {
	{ "", "a time" },
	{ "hello", "a time" },
	{ "2026-11-23T07:12:01Z a - F x", "a time" },
	{ "2026-11-23T07:12:01.123456+ a - F x", "a time" },
	{ "AAAAAAAAAAAAAAAAAAAAAAAAAAZ a - F x", "a time" },
	{ "2026-13-99T99:99:99.123456Z a - F x", "a time" },
	{ TIME, "a time" },
	{ TIME " ", "a listener" },
	{ TIME " tcp/8888", "a listener" },
	{ TIME "  - F x", "a listener" },
	{ TIME " tcp/8888 -", "a peer" },
	{ TIME " tcp/8888  F x", "a peer" },
	{ TIME " tcp/8888 - ", "a tag" },
	{ TIME " tcp/8888 - X x", "a tag" },
	{ TIME " tcp/8888 - Fx", "a tag" },
	{ TIME " tcp/8888 - F \\", "after a backslash" },
	{ TIME " tcp/8888 - F a\\q", "after a backslash" },
	{ TIME " tcp/8888 - F \\x4", "after a backslash" },
};

START_TEST(refuses_other_lines_than_text)
{
	char *line = strdup(faulty[_i].line);
	struct log_line log_line;
	const char *expected =
		log_line_parse_text(&log_line, line, strlen(line));

	ck_assert_ptr_nonnull(expected);
	ck_assert_ptr_nonnull(strstr(expected, faulty[_i].expected));
	free(line);
}
END_TEST

static const struct {
	const char *time;
	long long seconds; /* -1: not a time */
	long nanoseconds;
} times[] = {
	{ "1970-01-01T00:00:00.000001Z", 0, 1000 },
	{ TIME, 1795417921, 123456000 },
	{ "2024-02-29T23:59:59.999999Z", 1709251199, 999999000 },
	{ "2026-11-23 07:12:01.123456Z", -1, 0 },
	{ "2000-02-29T00:00:00.000000Z", 951782400, 0 },
	{ "1900-02-29T07:12:01.123456Z", -1, 0 },
	{ "2026-02-29T07:12:01.123456Z", -1, 0 },
	{ "2026-00-23T07:12:01.123456Z", -1, 0 },
	{ "2026-13-23T07:12:01.123456Z", -1, 0 },
	{ "2026-04-31T07:12:01.123456Z", -1, 0 },
	{ "2026-08-31T23:59:59.123456Z", 1788220799, 123456000 },
	{ "2026-09-31T07:12:01.123456Z", -1, 0 },
	{ "2026-12-31T23:59:59.123456Z", 1798761599, 123456000 },
	{ "2026-12-32T07:12:01.123456Z", -1, 0 },
	{ "2026-12-00T07:12:01.123456Z", -1, 0 },
	{ "2026-11-23T24:12:01.123456Z", -1, 0 },
	{ "2026-11-23T07:60:01.123456Z", -1, 0 },
	{ "2026-11-23T07:12:60.123456Z", -1, 0 },
	{ "2026-11-23T07:12:01.12345xZ", -1, 0 },
	{ "2026-11-23T07:12:01.-23456Z", -1, 0 },
	{ "2026-11-23T07:12:01.123456", -1, 0 },
	{ "2026-11-23T07:12:1.1123456Z", -1, 0 },
	{ "", -1, 0 },
};

START_TEST(reads_times)
{
	struct log_line log_line = { .time = times[_i].time };
	struct timespec time;

	ck_assert_int_eq(log_line_time(&log_line, &time),
			 times[_i].seconds >= 0);
	if (times[_i].seconds < 0)
		return;
	ck_assert_int_eq(time.tv_sec, times[_i].seconds);
	ck_assert_int_eq(time.tv_nsec, times[_i].nanoseconds);
}
END_TEST

START_TEST(finds_the_event_of_a_note)
{
	struct log_line note = { .tag = TAG_NOTE,
				 .data = "closed a=b",
				 .size = 10 };

	ck_assert(log_line_is_note(&note, "closed"));
	ck_assert(!log_line_is_note(&note, "close"));
	ck_assert(!log_line_is_note(&note, "closed a=b c=d"));
	note.size = 6;
	ck_assert(log_line_is_note(&note, "closed"));
	note.tag = TAG_WHOLE;
	ck_assert(!log_line_is_note(&note, "closed"));
}
END_TEST

static const unsigned char bytes[] = "plain \"\\\n\t\x1b\0\xe2\x80\xa8\xff";

/*
 * Render and read back a record: text, JSON; with UTF-8 only, with a 0xff; of
 * an address, of a process.
 */
START_TEST(reads_a_formatted_record_back)
{
	const struct origin origins[] = {
		{ .listener = "a\"b",
		  .peer = "[2001:db8::7]:40000",
		  .connection = 7,
		  .protocol = PROTOCOL_TCP },
		{ .listener = "a\"b",
		  .peer = "unix:uid=4294967295:pid=42",
		  .connection = 7,
		  .protocol = PROTOCOL_UNIX_STREAM },
	};
	const struct origin *origin = &origins[_i / 4];
	struct record record = { .time = { .tv_sec = 5, .tv_nsec = 6000 },
				 .origin = origin,
				 .number = 1,
				 .data = bytes,
				 .size = sizeof bytes - 1 -
					 (size_t)(_i / 2 % 2),
				 .tag = TAG_PIECE };
	struct rendering rendering = { .records = &record, .count = 1 };
	bool is_json = _i % 2;
	char line[FORMAT_BOUND(sizeof bytes)];
	struct log_line log_line;
	struct timespec time;
	const char *expected;
	size_t size;

	rendering.format = is_json ? FORMAT_JSON : FORMAT_TEXT;
	format_lines(&rendering, line, sizeof line, &size);
	expected = is_json ? log_line_parse_json(&log_line, line, size - 1)
			   : log_line_parse_text(&log_line, line, size - 1);
	if (expected && strstr(expected, "without jansson"))
		return;
	ck_assert_ptr_null(expected);
	ck_assert_uint_eq(log_line.connection, is_json ? 7 : 0);
	ck_assert_int_eq(log_line.tag, TAG_PIECE);
	ck_assert_mem_eq(log_line.listener, "a\"b", 3);
	ck_assert_mem_eq(log_line.peer, origin->peer, log_line.peer_size);
	ck_assert_uint_eq(log_line.peer_size, strlen(origin->peer));
	ck_assert_uint_eq(log_line.size, record.size);
	ck_assert_mem_eq(log_line.data, bytes, record.size);
	ck_assert(log_line_time(&log_line, &time));
	ck_assert_int_eq(time.tv_sec, 5);
	if (is_json)
		log_line_free(&log_line);
}
END_TEST

static const char *const notes[] = {
	"opened",
	"lost bytes=7",
	"lost bytes<=7",
	"lost datagrams<=0",
	"proxied by=192.0.2.1:5 told-name=a<",
	"closed reason=eof records=2 bytes=7 seconds=0.877",
};

/* What stands in no column of text, as the run, is no word of it. */
START_TEST(reads_a_formatted_note_back)
{
	const struct origin origin = { .listener = "a",
				       .run = "0123456789abcdef",
				       .peer = "-",
				       .connection = 7,
				       .protocol = PROTOCOL_TCP };
	struct record record = { .origin = &origin,
				 .data = (const unsigned char *)notes[_i],
				 .size = strlen(notes[_i]),
				 .tag = TAG_NOTE };
	struct rendering rendering = { .format = FORMAT_JSON,
				       .records = &record,
				       .count = 1 };
	char line[FORMAT_BOUND(80)];
	struct log_line log_line;
	const char *expected;
	size_t size;

	format_lines(&rendering, line, sizeof line, &size);
	ck_assert_ptr_null(memchr(line, '<', size - strlen("a<\"}\n")));
	expected = log_line_parse_json(&log_line, line, size - 1);
	if (expected && strstr(expected, "without jansson"))
		return;
	ck_assert_ptr_null(expected);
	ck_assert_int_eq(log_line.tag, TAG_NOTE);
	ck_assert_uint_eq(log_line.size, record.size);
	ck_assert_mem_eq(log_line.data, notes[_i], record.size);
	log_line_free(&log_line);
}
END_TEST

static const char *const faulty_json[] = {
	"",
	"{",
	"5",
	"[]",
	"{}",
	"{\"time\":5}",
	"{\"time\":\"" TIME "\"}",
	"{\"time\":\"" TIME "\",\"listener\":\"a\"}",
	"{\"time\":\"" TIME " \",\"listener\":\"a\",\"event\":\"b\"}",
	"{\"time\":\"" TIME "\",\"listener\":\"a\",\"tag\":\"*\"}",
	"{\"time\":\"" TIME "\",\"listener\":\"a\",\"tag\":\"FF\"}",
	"{\"time\":\"" TIME "\",\"listener\":\"a\",\"tag\":\"F\"}",
	"{\"time\":\"" TIME "\",\"listener\":\"a\",\"tag\":\"F\","
	"\"data_base64\":\"a===\"}",
};

START_TEST(refuses_other_lines_than_json)
{
	struct log_line log_line;

	ck_assert_ptr_nonnull(log_line_parse_json(&log_line, faulty_json[_i],
						  strlen(faulty_json[_i])));
	log_line_free(&log_line);
}
END_TEST

static const char *const base64[][2] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
};

START_TEST(codes_the_examples_of_rfc_4648)
{
	const char *text = base64[_i][0], *encoded = base64[_i][1];
	unsigned char back[16];
	char out[16];

	ck_assert_uint_eq(
		base64_encode(out, (const unsigned char *)text, strlen(text)),
		strlen(encoded));
	ck_assert_uint_eq(BASE64_SIZE(strlen(text)), strlen(encoded));
	ck_assert(memcmp(out, encoded, strlen(encoded)) == 0);
	ck_assert_int_eq(base64_decode(back, encoded, strlen(encoded)),
			 (long)strlen(text));
	ck_assert(memcmp(back, text, strlen(text)) == 0);
}
END_TEST

static const char *const not_base64[] = { "Z",    "Zg=",      "Zg==Zg==",
					  "=g==", "Z===",     "Zm9v\n",
					  "Zm 9", "Zm9vYg=g", "====" };

START_TEST(refuses_wrong_base64)
{
	unsigned char back[16];

	ck_assert_int_eq(
		base64_decode(back, not_base64[_i], strlen(not_base64[_i])),
		-1);
}
END_TEST

SUITE(log_line)
{
	Suite *suite = suite_create("log_line");
	TCase *tests = tcase_create("log_line");

	tcase_add_loop_test(tests, reads_lines_of_text, 0,
			    sizeof lines / sizeof *lines);
	tcase_add_loop_test(tests, refuses_other_lines_than_text, 0,
			    sizeof faulty / sizeof *faulty);
	tcase_add_loop_test(tests, reads_times, 0,
			    sizeof times / sizeof *times);
	tcase_add_test(tests, finds_the_event_of_a_note);
	tcase_add_loop_test(tests, reads_a_formatted_record_back, 0, 8);
	tcase_add_loop_test(tests, reads_a_formatted_note_back, 0,
			    sizeof notes / sizeof *notes);
	tcase_add_loop_test(tests, refuses_other_lines_than_json, 0,
			    sizeof faulty_json / sizeof *faulty_json);
	tcase_add_loop_test(tests, codes_the_examples_of_rfc_4648, 0,
			    sizeof base64 / sizeof *base64);
	tcase_add_loop_test(tests, refuses_wrong_base64, 0,
			    sizeof not_base64 / sizeof *not_base64);
	suite_add_tcase(suite, tests);
	return suite;
}
