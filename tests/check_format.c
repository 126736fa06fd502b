/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/format.h"

static const struct origin tcp_origin = {
	.listener = "tcp/8888",
	.peer = "192.0.2.7:51034",
	.connection = 3,
	.protocol = PROTOCOL_TCP,
};
static const struct origin udp_origin = {
	.listener = "a\"b\\c",
	.peer = "[2001:db8::7]:40000",
	.protocol = PROTOCOL_UDP,
};
static const struct origin odd_zone = {
	.listener = "udp/8888",
	.peer = "[fe80::1%q\"\\z]:514",
	.protocol = PROTOCOL_UDP,
};
static const struct origin proxied = {
	.listener = "tcp/8888",
	.peer = "192.0.2.7:51034",
	.by = "[fe80::1%q\"z]:40112",
	.connection = 3,
	.protocol = PROTOCOL_TCP,
};
static const struct origin of_a_run = {
	.listener = "tcp/8888",
	.run = "0123456789abcdef",
	.peer = "192.0.2.7:51034",
	.name = "pump3",
	.connection = 3,
	.protocol = PROTOCOL_TCP,
};
static const struct origin no_peer = {
	.listener = "udp/8888",
	.peer = "-",
	.protocol = PROTOCOL_UDP,
};
static const struct origin no_origin = {
	.listener = "-",
	.run = "00c0ffee00c0ffee",
	.peer = "-",
	.protocol = PROTOCOL_NONE,
};

#define TIME "2026-11-23T07:12:01.123456Z"

static const struct {
	enum format format;
	const struct origin *origin;
	enum tag tag;
	const char *data;
	const char *line;
} examples[] = {
	{ FORMAT_TEXT, &tcp_origin, TAG_WHOLE, "hello world",
	  TIME " tcp/8888 192.0.2.7:51034 F hello world\n" },
	{ FORMAT_TEXT, &tcp_origin, TAG_END, "",
	  TIME " tcp/8888 192.0.2.7:51034 E \n" },
	{ FORMAT_TEXT, &udp_origin, TAG_TRUNCATED, "a\nb\\",
	  TIME " a\"b\\c [2001:db8::7]:40000 T a\\nb\\\\\n" },
	{ FORMAT_TEXT, &no_peer, TAG_NOTE, "lost datagrams=37",
	  TIME " udp/8888 - * lost datagrams=37\n" },
	{ FORMAT_JSON, &tcp_origin, TAG_WHOLE, "hi",
	  "{\"time\":\"" TIME "\",\"listener\":\"tcp/8888\",\"protocol\":"
	  "\"tcp\",\"peer\":\"192.0.2.7\",\"port\":51034,\"connection\":3,"
	  "\"record\":12,\"tag\":\"F\",\"data\":\"hi\"}\n" },
	{ FORMAT_JSON, &udp_origin, TAG_PIECE, "\"\\\n\r\t\x01Ω",
	  "{\"time\":\"" TIME "\",\"listener\":\"a\\\"b\\\\c\",\"protocol\":"
	  "\"udp\",\"peer\":\"2001:db8::7\",\"port\":40000,\"record\":12,"
	  "\"piece\":0,\"tag\":\"P\",\"data\":\"\\\"\\\\\\n\\r\\t\\u0001Ω\"}"
	  "\n" },
	{ FORMAT_JSON, &udp_origin, TAG_WHOLE,
	  "\xe2\x80\xa8\xc2\x9b\xf0\x9f\xbf\xbf",
	  "{\"time\":\"" TIME "\",\"listener\":\"a\\\"b\\\\c\",\"protocol\":"
	  "\"udp\",\"peer\":\"2001:db8::7\",\"port\":40000,\"record\":12,"
	  "\"tag\":\"F\",\"data\":\"\\u2028\\u009b\\ud83f\\udfff\"}\n" },
	{ FORMAT_JSON, &udp_origin, TAG_WHOLE, "\xff",
	  "{\"time\":\"" TIME "\",\"listener\":\"a\\\"b\\\\c\",\"protocol\":"
	  "\"udp\",\"peer\":\"2001:db8::7\",\"port\":40000,\"record\":12,"
	  "\"tag\":\"F\",\"data_base64\":\"/w==\"}\n" },
	{ FORMAT_JSON, &no_peer, TAG_NOTE, "probes connections=412 peer=::1",
	  "{\"time\":\"" TIME "\",\"listener\":\"udp/8888\",\"protocol\":"
	  "\"udp\",\"event\":\"probes\",\"connections\":412,"
	  "\"peer\":\"::1\"}\n" },
	{ FORMAT_JSON, &odd_zone, TAG_WHOLE, "x",
	  "{\"time\":\"" TIME "\",\"listener\":\"udp/8888\",\"protocol\":"
	  "\"udp\",\"peer\":\"fe80::1%q\\\"\\\\z\",\"port\":514,"
	  "\"record\":12,\"tag\":\"F\",\"data\":\"x\"}\n" },
	{ FORMAT_JSON, &no_peer, TAG_NOTE,
	  "probes connections=1 peer=fe80::1%q\"\\z",
	  "{\"time\":\"" TIME "\",\"listener\":\"udp/8888\",\"protocol\":"
	  "\"udp\",\"event\":\"probes\",\"connections\":1,"
	  "\"peer\":\"fe80::1%q\\\"\\\\z\"}\n" },
	{ FORMAT_JSON, &tcp_origin, TAG_NOTE, "closed reason=eof seconds=0.877",
	  "{\"time\":\"" TIME "\",\"listener\":\"tcp/8888\",\"protocol\":"
	  "\"tcp\",\"peer\":\"192.0.2.7\",\"port\":51034,\"connection\":3,"
	  "\"event\":\"closed\",\"reason\":\"eof\",\"seconds\":0.877}\n" },
	{ FORMAT_TEXT, &proxied, TAG_WHOLE, "hi",
	  TIME " tcp/8888 192.0.2.7:51034 F hi\n" },
	{ FORMAT_JSON, &proxied, TAG_WHOLE, "hi",
	  "{\"time\":\"" TIME "\",\"listener\":\"tcp/8888\",\"protocol\":"
	  "\"tcp\",\"peer\":\"192.0.2.7\",\"port\":51034,"
	  "\"by\":\"[fe80::1%q\\\"z]:40112\",\"connection\":3,"
	  "\"record\":12,\"tag\":\"F\",\"data\":\"hi\"}\n" },
	{ FORMAT_JSON, &proxied, TAG_NOTE,
	  "proxied by=[fe80::1%q\"z]:40112 bytes=1",
	  "{\"time\":\"" TIME "\",\"listener\":\"tcp/8888\",\"protocol\":"
	  "\"tcp\",\"peer\":\"192.0.2.7\",\"port\":51034,"
	  "\"by\":\"[fe80::1%q\\\"z]:40112\",\"connection\":3,"
	  "\"event\":\"proxied\",\"bytes\":1}\n" },
	{ FORMAT_JSON, &no_peer, TAG_NOTE, "lost datagrams<=37",
	  "{\"time\":\"" TIME "\",\"listener\":\"udp/8888\",\"protocol\":"
	  "\"udp\",\"event\":\"lost\",\"datagrams\":37,"
	  "\"at_most\":true}\n" },
	{ FORMAT_JSON, &no_peer, TAG_NOTE, "probes peer=192.0.2.7 a=01 b=1.",
	  "{\"time\":\"" TIME "\",\"listener\":\"udp/8888\",\"protocol\":"
	  "\"udp\",\"event\":\"probes\",\"peer\":\"192.0.2.7\",\"a\":\"01\","
	  "\"b\":\"1.\"}\n" },
	{ FORMAT_JSON, &no_origin, TAG_NOTE, "resumed seconds=3.000",
	  "{\"time\":\"" TIME "\",\"listener\":\"-\",\"run\":"
	  "\"00c0ffee00c0ffee\",\"event\":\"resumed\",\"seconds\":3.000}\n" },
	{ FORMAT_JSON, &of_a_run, TAG_WHOLE, "hi",
	  "{\"time\":\"" TIME "\",\"listener\":\"tcp/8888\",\"protocol\":"
	  "\"tcp\",\"peer\":\"192.0.2.7\",\"port\":51034,"
	  "\"name\":\"pump3\",\"run\":\"0123456789abcdef\",\"connection\":3,"
	  "\"record\":12,\"tag\":\"F\",\"data\":\"hi\"}\n" },
	{ FORMAT_JSON, &of_a_run, TAG_NOTE, "opened",
	  "{\"time\":\"" TIME "\",\"listener\":\"tcp/8888\",\"protocol\":"
	  "\"tcp\",\"peer\":\"192.0.2.7\",\"port\":51034,"
	  "\"name\":\"pump3\",\"run\":\"0123456789abcdef\",\"connection\":3,"
	  "\"event\":\"opened\"}\n" },
	{ FORMAT_TEXT, &of_a_run, TAG_PIECE, "hi",
	  TIME " tcp/8888 192.0.2.7:51034 P hi\n" },
	{ FORMAT_RAW, &tcp_origin, TAG_WHOLE, "a\x1b", "a\x1b\n" },
	{ FORMAT_RAW, &tcp_origin, TAG_PIECE, "a", "a" },
	{ FORMAT_RAW, &tcp_origin, TAG_NOTE, "opened", "" },
};

/* Render as many records as fit; returns how many lines these are. */
static size_t
render(enum format format, char *out, size_t capacity, size_t *size,
       const struct record *records, size_t count)
{
	struct rendering rendering = {
		.format = format,
		.records = records,
		.count = count,
	};

	return format_lines(&rendering, out, capacity, size);
}

static struct record
make_record(const struct origin *origin, enum tag tag, const char *data)
{
	return (struct record){
		.time = { .tv_sec = 1795417921, .tv_nsec = 123456789 },
		.origin = origin,
		.number = 12,
		.data = (const unsigned char *)data,
		.size = strlen(data),
		.tag = tag,
	};
}

START_TEST(renders_the_examples)
{
	struct record record = make_record(examples[_i].origin,
					   examples[_i].tag, examples[_i].data);
	char out[FORMAT_BOUND(64)];
	size_t size;

	ck_assert_uint_eq(
		render(examples[_i].format, out, sizeof out, &size, &record, 1),
		1);
	out[size] = '\0';
	ck_assert_str_eq(out, examples[_i].line);
}
END_TEST

static const char *const base64[][2] = {
	{ "\xff", "/w==" },
	{ "\xff"
	  "a",
	  "/2E=" },
	{ "\xff"
	  "ab",
	  "/2Fi" },
	{ "\xfb\xef\xbe\x80", "++++gA==" },
};

START_TEST(encodes_other_data_than_utf8_in_base64)
{
	struct record record =
		make_record(&tcp_origin, TAG_WHOLE, base64[_i][0]);
	char out[FORMAT_BOUND(64)], expected[64];
	size_t size;

	render(FORMAT_JSON, out, sizeof out, &size, &record, 1);
	out[size] = '\0';
	snprintf(expected, sizeof expected, "\"data_base64\":\"%s\"}",
		 base64[_i][1]);
	ck_assert_ptr_nonnull(strstr(out, expected));
}
END_TEST

/* A prefix is reused for the next record only if time and origin are equal. */
START_TEST(each_record_has_its_own_prefix)
{
	struct record records[] = {
		make_record(&tcp_origin, TAG_WHOLE, "a"),
		make_record(&tcp_origin, TAG_PIECE, "b"),
		make_record(&no_peer, TAG_NOTE, "lost datagrams=1"),
		make_record(&no_peer, TAG_NOTE, "lost datagrams=2"),
	};
	char out[4 * FORMAT_BOUND(64)];
	size_t size;

	records[3].time.tv_sec++;
	ck_assert_uint_eq(
		render(FORMAT_TEXT, out, sizeof out, &size, records, 4), 4);
	out[size] = '\0';
	ck_assert_str_eq(out,
			 TIME " tcp/8888 192.0.2.7:51034 F a\n" TIME
			      " tcp/8888 192.0.2.7:51034 P b\n" TIME
			      " udp/8888 - * lost datagrams=1\n"
			      "2026-11-23T07:12:02.123456Z udp/8888 - * lost "
			      "datagrams=2\n");
}
END_TEST

/* Of times only what has changed is written anew. */
START_TEST(a_record_among_others_is_rendered_as_alone)
{
	struct record records[] = {
		make_record(&tcp_origin, TAG_WHOLE, "a"),
		make_record(&tcp_origin, TAG_WHOLE, "another second"),
		make_record(&tcp_origin, TAG_WHOLE, "the same, later"),
		make_record(&udp_origin, TAG_WHOLE, "another origin"),
		make_record(&proxied, TAG_NOTE, "opened"),
		make_record(&proxied, TAG_WHOLE, "b"),
		make_record(&proxied, TAG_WHOLE, "the first second again"),
		make_record(&no_origin, TAG_NOTE, "and another origin=1"),
	};
	const size_t count = sizeof records / sizeof *records;
	char out[8 * FORMAT_BOUND(64)], alone[8 * FORMAT_BOUND(64)];
	size_t size, used = 0, n;

	for (size_t i = 1; i < 6; i++)
		records[i].time.tv_sec += 86400;
	for (size_t i = 2; i < 6; i++)
		records[i].time.tv_nsec = 999999999 - (long)i * 250000000;
	for (size_t i = 0; i < count; i++) {
		render((enum format)_i, alone + used, sizeof alone - used, &n,
		       &records[i], 1);
		used += n;
	}
	ck_assert_uint_eq(
		render((enum format)_i, out, sizeof out, &size, records, count),
		count);
	ck_assert_uint_eq(size, used);
	ck_assert_mem_eq(out, alone, size);
}
END_TEST

START_TEST(renders_only_records_that_fit)
{
	struct record records[3];
	char out[FORMAT_BOUND(8)];
	size_t size;

	for (int i = 0; i < 3; i++)
		records[i] = make_record(&tcp_origin, TAG_WHOLE, "12345678");
	ck_assert_uint_eq(
		render(FORMAT_TEXT, out, sizeof out, &size, records, 3), 1);
	ck_assert_uint_eq(
		render(FORMAT_TEXT, out, sizeof out - 1, &size, records, 3), 0);
	ck_assert_uint_eq(size, 0);
}
END_TEST

/* The data that grow most, in memory of exactly FORMAT_BOUND() bytes. */
START_TEST(no_record_exceeds_the_bound)
{
	static const char *const worst[] = { "\x01", "\xff", "\xc2\x80",
					     "\xe2\x80\xa8",
					     "\xf0\x9f\xbf\xbf" };
	char data[4001] = "";

	for (size_t i = 0; i < sizeof worst / sizeof *worst; i++) {
		size_t length = strlen(worst[i]);

		for (size_t j = 0; j + length <= 4000; j += length)
			memcpy(data + j, worst[i], length + 1);
		for (enum format f = FORMAT_TEXT; f <= FORMAT_RAW; f++) {
			struct record record =
				make_record(&tcp_origin, TAG_WHOLE, data);
			size_t bound = FORMAT_BOUND(record.size), size;
			char *out = malloc(bound);

			ck_assert_uint_eq(
				render(f, out, bound, &size, &record, 1), 1);
			ck_assert_uint_le(size, bound);
			free(out);
		}
	}
}
END_TEST

static char long_data[100000];

static const struct {
	const char *unit; /* the record repeats it */
	enum format format;
	const char *key; /* of the data in JSON */
} long_records[] = {
	{ "plain text ", FORMAT_TEXT, " " },
	{ "     \t    x", FORMAT_TEXT, " " },
	{ "\x1b", FORMAT_TEXT, " " },
	{ "\xe2\x82\xac", FORMAT_TEXT, " " },
	{ "a\xe2\x82", FORMAT_TEXT, " " },
	{ "plain text ", FORMAT_JSON, "\"data\"" },
	{ "\x1b", FORMAT_JSON, "\"data\"" },
	{ "\xf0\x9f\xbf\xbf", FORMAT_JSON, "\"data\"" },
	{ "\xe2\x82\xac\xff", FORMAT_JSON, "\"data_base64\"" },
};

static struct record
make_long(const char *unit, size_t size)
{
	size_t length = strlen(unit);

	for (size_t i = 0; i < size; i++)
		long_data[i] = unit[i % length];
	long_data[size] = '\0';
	return make_record(&tcp_origin, TAG_END, long_data);
}

/* One line after the other; all but the last are pieces. */
START_TEST(cuts_a_long_record_into_lines_that_fit)
{
	struct record record = make_long(long_records[_i].unit, 30000);
	struct rendering rendering = { .format = long_records[_i].format,
				       .max_line = 5000,
				       .records = &record,
				       .count = 1 };
	bool is_text = rendering.format == FORMAT_TEXT;
	size_t size;

	while (rendering.count > 0) {
		char line[5001], tag[16];

		ck_assert_uint_eq(format_lines(&rendering, line, 5000, &size),
				  1);
		ck_assert_uint_le(size, 5000);
		line[size] = '\0';
		ck_assert_int_eq(line[size - 1], '\n');
		snprintf(tag, sizeof tag, is_text ? " %c " : "\"tag\":\"%c\"",
			 rendering.count > 0 ? 'P' : 'E');
		ck_assert_ptr_nonnull(strstr(line, tag));
		ck_assert_ptr_nonnull(strstr(line, long_records[_i].key));
		if (!is_text)
			ck_assert_ptr_nonnull(strstr(line, "\"record\":12,"));
		else if (rendering.count > 0)
			ck_assert(!strchr(" \t", line[size - 2]));
	}
}
END_TEST

/* Of a record of 5000 bytes: where the parts of it begin that have lines. */
static const struct {
	enum tag tag;
	size_t begin, size, max_line;
	const char *lines; /* their tags, and which pieces they are */
} parts[] = {
	{ TAG_WHOLE, 0, 100, 0, "F-" },
	{ TAG_END, 0, 0, 0, "E-" },
	{ TAG_TRUNCATED, 0, 5000, 0, "T-" },
	{ TAG_PIECE, 0, 100, 0, "P0" },
	{ TAG_PIECE, 100, 4000, 0, "P100" },
	{ TAG_WHOLE, 4100, 900, 0, "F4100" },
	{ TAG_END, 5000, 0, 0, "E5000" },
	{ TAG_PIECE, UINT64_MAX, 1, 0, "P18446744073709551615" },
	{ TAG_WHOLE, 0, 1843, 2000, "F-" }, /* it just fits */
	{ TAG_WHOLE, 0, 1844, 2000, "P0 F1833" },
	{ TAG_WHOLE, 0, 5000, 2000, "P0 P1833 F3663" },
	{ TAG_PIECE, 0, 3000, 2000, "P0 P1833" },
	{ TAG_END, 98, 3000, 2000, "P98 E1930" },
};

/* The tag and the piece of each line of JSON: "P0 F4096", "F-". */
static void
list_lines(char out[128], const char *lines)
{
	const char *end = lines + strlen(lines), *next;

	for (*out = '\0'; lines < end; lines = next + 1) {
		const char *tag = strstr(lines, "\"tag\":\"");
		const char *piece = strstr(lines, "\"piece\":");

		next = strchr(lines, '\n');
		out += sprintf(out, "%c", tag[7]);
		if (piece && piece < next)
			out += sprintf(out, "%.*s",
				       (int)strcspn(piece + 8, ","), piece + 8);
		else
			out += sprintf(out, "-");
		if (next + 1 < end)
			out += sprintf(out, " ");
	}
}

START_TEST(a_piece_is_told_by_the_byte_it_begins_with)
{
	struct record record = make_long("x", parts[_i].size);
	struct rendering rendering = { .format = FORMAT_JSON,
				       .max_line = parts[_i].max_line,
				       .records = &record,
				       .count = 1 };
	char out[FORMAT_BOUND(8000)], found[128];
	size_t size;

	record.tag = parts[_i].tag;
	record.begin = parts[_i].begin;
	format_lines(&rendering, out, sizeof out - 1, &size);
	ck_assert_uint_eq(rendering.count, 0);
	out[size] = '\0';
	list_lines(found, out);
	ck_assert_str_eq(found, parts[_i].lines);
}
END_TEST

/* The rest of a record may begin in the next buffer. */
START_TEST(goes_on_in_a_long_record)
{
	struct record records[2] = { make_long("x", 30000),
				     make_record(&tcp_origin, TAG_WHOLE, "y") };
	struct rendering rendering = { .max_line = 5000,
				       .records = records,
				       .count = 2 };
	char out[3 * 5000 + 1];
	size_t size, lines, all = 0;

	while (rendering.count > 0) {
		lines = format_lines(&rendering, out, sizeof out, &size);
		ck_assert_uint_ge(lines, 1);
		out[size] = '\0';
		all += lines;
	}
	ck_assert_uint_eq(all, 8);
	ck_assert_ptr_nonnull(strstr(out, " E x"));
	ck_assert_ptr_nonnull(strstr(out, " F y\n"));
}
END_TEST

START_TEST(leaves_what_fits_and_what_has_no_pieces_whole)
{
	size_t columns = strlen(TIME " tcp/8888 192.0.2.7:51034 E ");
	char out[FORMAT_BOUND(3000)];

	for (size_t i = 0; i < 2; i++) {
		struct record record = make_long("x", 2048 - columns - 1 + i);
		struct rendering rendering = { .max_line = 2048,
					       .records = &record,
					       .count = 1 };
		size_t size;

		ck_assert_uint_eq(
			format_lines(&rendering, out, sizeof out, &size),
			1 + i);
		rendering = (struct rendering){ .format = FORMAT_RAW,
						.max_line = 1024,
						.records = &record,
						.count = 1 };
		ck_assert_uint_eq(
			format_lines(&rendering, out, sizeof out, &size), 1);
		ck_assert_uint_eq(size, record.size + 1);
	}
}
END_TEST

SUITE(format)
{
	Suite *suite = suite_create("format");
	TCase *tests = tcase_create("format");

	tcase_add_loop_test(tests, renders_the_examples, 0,
			    sizeof examples / sizeof *examples);
	tcase_add_loop_test(tests, encodes_other_data_than_utf8_in_base64, 0,
			    sizeof base64 / sizeof *base64);
	tcase_add_test(tests, each_record_has_its_own_prefix);
	tcase_add_loop_test(tests, a_record_among_others_is_rendered_as_alone,
			    FORMAT_TEXT, FORMAT_RAW + 1);
	tcase_add_test(tests, renders_only_records_that_fit);
	tcase_add_test(tests, no_record_exceeds_the_bound);
	tcase_add_loop_test(tests, cuts_a_long_record_into_lines_that_fit, 0,
			    sizeof long_records / sizeof *long_records);
	tcase_add_loop_test(tests, a_piece_is_told_by_the_byte_it_begins_with,
			    0, sizeof parts / sizeof *parts);
	tcase_add_test(tests, goes_on_in_a_long_record);
	tcase_add_test(tests, leaves_what_fits_and_what_has_no_pieces_whole);
	suite_add_tcase(suite, tests);
	return suite;
}
