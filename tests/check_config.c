/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/command_line.h"
#include "config/conflicts.h"
#include "config/defaults.h"
#include "config/dump.h"
#include "config/load.h"
#include "config/options.h"

static struct config config;
static struct errors errors;

static void
parse(const char *text)
{
	config_parse(&config, "test.conf", text, strlen(text), &errors);
}

static void
clean_up(void)
{
	config_free(&config);
	errors_free(&errors);
}

START_TEST(gives_the_defaults_for_an_empty_file)
{
	parse("\n");
	ck_assert_uint_eq(errors.count, 0);
	ck_assert_uint_eq(config.listener_count, 2);
	ck_assert_str_eq(config.listeners[0].name, "tcp/8888");
	ck_assert_str_eq(config.listeners[1].name, "udp/8888");
	ck_assert_str_eq(config.listeners[0].address, "*");
	ck_assert_int_eq(config.listeners[0].framing, FRAMING_LINE);
	ck_assert_int_eq(config.listeners[1].framing, FRAMING_DATAGRAM);
	ck_assert_int_eq(config.listeners[0].limits.max_record, 65536);
	ck_assert_uint_eq(config.output_count, 1);
	ck_assert_int_eq(config.outputs[0].type, OUTPUT_STDOUT);
	ck_assert_int_eq(config.shutdown_timeout_s, 5);
	ck_assert_int_eq(config.backlog, 4096);
}
END_TEST

START_TEST(lets_listeners_inherit_limits_wherever_these_stand)
{
	parse("listeners = ( { protocol = \"tcp\"; port = 1; },\n"
	      "  { protocol = \"tcp\"; port = 2; max_record = 7;\n"
	      "    connection_notes = \"none\"; } );\n"
	      "limits = { max_record = 99; idle_timeout = 3; };\n"
	      "connection_notes = \"all\";\n");
	ck_assert_uint_eq(errors.count, 0);
	ck_assert_int_eq(config.listeners[0].limits.max_record, 99);
	ck_assert_int_eq(config.listeners[1].limits.max_record, 7);
	ck_assert_int_eq(config.listeners[1].limits.idle_timeout_s, 3);
	ck_assert_int_eq(config.listeners[0].limits.connection_notes,
			 NOTES_ALL);
	ck_assert_int_eq(config.listeners[1].limits.connection_notes,
			 NOTES_NONE);
}
END_TEST

START_TEST(turns_output_names_into_bits)
{
	parse("outputs = ( { type = \"stdout\"; },\n"
	      "  { type = \"file\"; path = \"/tmp/a\"; },\n"
	      "  { type = \"file\"; path = \"/tmp/b\"; name = \"b\"; } );\n"
	      "listeners = ( { protocol = \"tcp\"; port = 1; },\n"
	      "  { protocol = \"tcp\"; port = 2;\n"
	      "    outputs = [ \"b\", \"stdout\" ]; },\n"
	      "  { protocol = \"udp\"; port = 2; outputs = (\"/tmp/a\"); }\n"
	      ");\n");
	ck_assert_uint_eq(errors.count, 0);
	ck_assert_uint_eq(config.listeners[0].output_mask, 7);
	ck_assert_uint_eq(config.listeners[1].output_mask, 5);
	ck_assert_uint_eq(config.listeners[2].output_mask, 2);
}
END_TEST

#define TCP "listeners = ( { protocol = \"tcp\"; port = 1; "
#define END " } );\n"

static const struct {
	const char *text;
	unsigned line;
	const char *expected; /* part of the error's text */
} wrong[] = {
	{ "\nport = 1;", 2, "unknown setting \"port\"" },
	{ "limit = {};", 1, "did you mean \"limits\"?" },
	{ "limits = { max_recrod = 1; };", 1, "did you mean \"max_record\"?" },
	{ "limits = { MAX_RECORD = 1; };", 1, "did you mean \"max_record\"?" },
	{ "limits = { max_record = 0; };", 1,
	  "max_record: found 0, expected an integer from 1 to 1048576" },
	{ "limits = { max_record = 1048577; };", 1, "found 1048577" },
	{ "limits = { max_record = 1.5; };", 1, "found 1.5, expected an int" },
	{ "limits = { max_record = true; };", 1, "found true" },
	{ "limits = { max_record = \"1\"; };", 1, "found \"1\"" },
	{ "limits = { max_record = [1]; };", 1, "found an array" },
	{ "limits = { max_record = (1); };", 1, "found a list" },
	{ "limits = { max_record = {}; };", 1, "found a group" },
	{ "limits = { max_record =\n 4294967297; };", 2,
	  "max_record: found 4294967297, expected an integer from 1 to" },
	{ "limits = { backlog = 0x1FFFFFFFF; };", 1, "found 0x1FFFFFFFF" },
	{ "limits = { backlog = -2147483649; };", 1, "found -2147483649" },
	{ "limits = { backlog = 99999999999999999999L; };", 1,
	  "found 99999999999999999999L" },
	{ "limits = { backlog = 4294967297L; };", 1, "found 4294967297" },
	{ "limits = { idle_timeout = 0x100000001max_record = 1; };", 1,
	  "idle_timeout: found 0x100000001, expected" },
	{ "limits = { backlog\n=\n70000000000; };", 3, "found 70000000000" },
	{ "limits = { backlog = 00000000000000000000000000000000000000000000000"
	  "0000000000000000004294967297; };",
	  1, "0004294967297, expected" },
	{ "limits = { backlog =\n 0514; };", 2,
	  "backlog: found 0514, expected it without the leading zero: write "
	  "514" },
	{ "limits = { backlog = 0888; };", 1, "zero: write 888" },
	{ "limits = { backlog = -07L; };", 1, "zero: write -7" },
	{ "limits = { backlog = 00; };", 1, "zero: write 0" },
	{ "limits = { backlog = 99999999999999999999; };", 1,
	  "backlog: found 99999999999999999999, expected an integer from 1 "
	  "to" },
	{ "limits = { backlog = 0xFFFFFFFFFFFFFFFFFF; };", 1,
	  "found 0xFFFFFFFFFFFFFFFFFF, expected an integer" },
	{ "limits = { backlog = 0b11; };", 1,
	  "backlog: found 0b11, expected a decimal or hexadecimal integer" },
	{ "limits = { backlog = 0O17L; };", 1, "found 0O17L, expected a dec" },
	{ "limits = { backlog = [ 1, 99999999999 ]; };", 1,
	  "backlog: found 99999999999, expected an integer" },
	{ "outputs = ( { type = \"file\"; path =\n\"/a\\v\"; } );", 2,
	  "path: found a backslash before \"v\", expected two backslashes" },
	{ "outputs = ( { type = \"stdout\"; },\n# none\n);", 3,
	  "found a comma before the end of a list" },
	{ TCP "outputs = [ \"stdout\", ];" END, 1,
	  "found a comma before the end of a list" },
	{ "limits =\n\v{ };", 2, "found a vertical tab, expected a space" },
	{ "limits = 5;", 1, "limits: found 5, expected a group" },
	{ "limits = 4294967297;", 1,
	  "limits: found 4294967297, expected another value" },
	{ "limits = { backlog /* = 1 */ = # 2\n/* 3 */ 4294967297 /*4*/ };", 2,
	  "backlog: found 4294967297, expected" },
	{ "limits = { backlog = ( 1, 4294967297 ); };", 1,
	  "backlog: found 4294967297, expected an integer from 1 to" },
	{ TCP "},\n0514"
	      ");",
	  2, "value: found 0514, expected" },
	{ TCP "outputs = ( true, 0514, 5 );" END, 1, "outputs: found 0514" },
	{ TCP "outputs = [ \"a\\x00\" ];" END, 1,
	  "outputs: found an escaped NUL" },
	{ "connection_notes = \"all\" /* \\x00 */\n\"\\x00\";", 2,
	  "connection_notes: found an escaped NUL" },
	{ TCP "outputs = [ \"stdout\",\n\"none\"\n,\n\"stdout\" ];" END, 2,
	  "unknown output \"none\"" },
	{ "limits = {};\nconnection_notes = \"all;\n", 2,
	  "found a string without an end, expected a quotation mark on the" },
	{ "limits = {};\n\"", 2, "found a string without an end" },
	{ "limits = {};\n\"\\", 2, "found a string without an end" },
	{ "limits = {};\n/* backlog = 1;\n", 2,
	  "found a comment without an end, expected \"*/\"" },
	{ "limits = {};\n@include none\n", 2,
	  "@include: expected the name of a file in quotes" },
	{ "@include \"none\n", 1, "@include: expected the name of a file in" },
	{ "@include", 1, "@include: expected the name of a file in quotes" },
	{ "connection_notes = \"some\";", 1,
	  "expected one of \"none\", \"closed\", \"all\"" },
	{ "connection_notes = 1;", 1, "found 1, expected one of" },
	{ "listeners = {};", 1, "expected a list of groups" },
	{ "listeners = ();", 1, "expected at least one" },
	{ "listeners = ( 5 );", 1, "found 5, expected a group" },
	{ "listeners = (\n{ port = 1; } );", 2,
	  "missing setting \"protocol\"" },
	{ "listeners = (\n{ protocol = \"udp\"; } );", 2,
	  "missing setting \"port\"" },
	{ TCP "name = \"a b\";" END, 1, "name: found \"a b\"" },
	{ TCP "name = \"\";" END, 1, "name: found \"\"" },
	{ TCP "name = \"\\x1b\";" END, 1, "printable ASCII" },
	{ TCP "address = \"localhost\";" END, 1, "numeric IPv4 or IPv6" },
	{ TCP "address = \"::ffff:127.0.0.1\";" END, 1,
	  "expected an IPv4 address without \"::ffff:\" before it" },
	{ TCP "address = 5;" END, 1, "address: found 5" },
	{ TCP "framing = \"exact\";" END, 1, "expected for tcp one of" },
	{ "listeners = ( { protocol = \"udp\"; port = 1; framing = \"lf\"; });",
	  1, "expected for udp one of" },
	{ TCP "outputs = [ \"stdot\" ];" END, 1,
	  "unknown output \"stdot\", expected the name of an output, such as "
	  "\"stdout\"" },
	{ TCP "outputs = [];" END, 1, "expected at least one" },
	{ TCP "outputs = \"stdout\";" END, 1, "expected names" },
	{ TCP "outputs = ( 5 );" END, 1, "expected a name in quotes" },
	{ "listeners = ( { protocol = \"tcp\"; port = 1; },\n"
	  "{ protocol = \"tcp\"; port = 1; name = \"b\"; } );",
	  2,
	  "found a second listener on this port and address, the first, of "
	  "\"*\", is on line 1" },
	{ "listeners = ( 5,\n{ protocol = \"tcp\"; port = 1; } );", 1,
	  "found 5, expected a group" },
	{ "outputs = ( { } );", 1, "missing setting \"type\"" },
	{ "outputs = ( { type = \"file\"; } );", 1,
	  "missing setting \"path\"" },
	{ "outputs = ( { type = \"file\"; path = \"\"; } );", 1,
	  "path: found \"\"" },
	{ "outputs = ( { type = \"file\"; path = \"a\"; mode = \"0888\"; } );",
	  1, "mode: found \"0888\", expected octal digits" },
	{ "outputs = ( { type = \"file\"; path = \"a\"; mode = 416; } );", 1,
	  "mode: found 416" },
	{ "outputs = ( { type = \"stdout\"; path = \"a\"; } );", 1,
	  "this type of output has no use for" },
	{ "outputs = ( { type = \"syslog\"; }, { type = \"syslog\"; } );", 1,
	  "found a second output \"syslog\"" },
	{ "outputs = ( { type = \"stdout\"; },\n"
	  "{ type = \"stdout\"; name = \"b\"; } );",
	  2, "found a second output to stdout, the first is on line 1" },
	{ "outputs = ( { type = \"syslog\"; facility = \"local8\"; } );", 1,
	  "facility: found \"local8\"" },
	{ "limits = {\n max_record 5;\n};", 2,
	  "found \"5\", expected \"=\" and a value" },
	{ "limits = { backlog = 1; backlog = 2; };", 1,
	  "found a setting that its group has already, expected each once" },
	{ "@include \"nonexistent/file\"\n", 1,
	  "found \"nonexistent/file\", which cannot be read: No such file" },
	{ "@include \".\"\n", 1, "which cannot be read: Is a directory" },
	{ "outputs = ( { type = \"file\";\n path = \"/a\\x00b\"; } );", 2,
	  "path: found an escaped NUL, expected text" },
	{ TCP "name = \"\\X00\";" END, 1, "name: found an escaped NUL" },
};

START_TEST(reports_each_error_with_its_line)
{
	parse(wrong[_i].text);
	ck_assert_uint_eq(errors.count, 1);
	ck_assert_str_eq(errors.list[0].file, "test.conf");
	ck_assert_uint_eq(errors.list[0].line, wrong[_i].line);
	ck_assert_msg(strstr(errors.list[0].text, wrong[_i].expected) != NULL,
		      "found \"%s\"", errors.list[0].text);
}
END_TEST

START_TEST(reports_all_errors_in_the_order_of_their_lines)
{
	parse("outputs = ( { type = \"stdio\"; } );\n"
	      "listeners = (\n"
	      "  { protocol = \"tpc\"; port = 4294967810; },\n"
	      "  { prot = 1; } );\n"
	      "limits = { max_record = 0; idle = 1; };\n");
	ck_assert_uint_eq(errors.count, 8);
	for (size_t i = 1; i < errors.count; i++)
		ck_assert_uint_ge(errors.list[i].line, errors.list[i - 1].line);
}
END_TEST

static const char *const right[] = {
	"limits = { max_record = 1; max_connections = 1000000; };",
	"limits = { max_record = 1048576L; backlog = 2147483647; };",
	"limits = { max_record = 0x10; idle_timeout = 0 };",
	"limits = { idle_timeout = 514backlog = 1max_record = "
	"0xAmax_connections"
	" = 1; };",
	"limits = { backlog = 514L; idle_timeout = 0; };",
	"# @include \"none\"\n/*\n@include \"none\"\n*/ outputs = ( { type =\n"
	"\"file\"; path = \"@include \\\"none\\\"\"; } );",
	"connection_notes = \"a\" /* b */\n# c\n\"ll\";",
	TCP "name = \"a\\\\x00\";" END,
	"# 99999999999\n// 99999999999\n/* 99999999999\n */ limits = {};",
	"limits = {}; # \"\nlimits2_is_not = 1 # 4294967296\n"
	"/* and this is not closed either */",
	TCP "name = \"4294967296\"; interface = \"lo\";" END,
	TCP "name = \"a\\\"4294967296\"; address = \"fe80::1%1\";" END,
	"listeners = ( { protocol = \"tcp\"; port = 1; },\n"
	"{ protocol = \"udp\"; port = 1; },\n"
	"{ protocol = \"tcp\"; port = 2; address = \"127.0.0.1\"; },\n"
	"{ protocol = \"tcp\"; port = 0; }, { protocol = \"tcp\"; port = 0; }"
	");",
};

START_TEST(accepts_correct_texts)
{
	parse(right[_i]);
	/* One of the texts has an unknown name: the only error there may be. */
	for (size_t i = 0; i < errors.count; i++)
		ck_assert_ptr_nonnull(
			strstr(errors.list[i].text, "\"limits2_is_not\""));
}
END_TEST

START_TEST(refuses_a_nul_where_libconfig_would_stop)
{
	static const char text[] = "limits = {};\n\0 garbage";

	config_parse(&config, "test.conf", text, sizeof text - 1, &errors);
	ck_assert_uint_eq(errors.count, 1);
	ck_assert_uint_eq(errors.list[0].line, 2);
	ck_assert_ptr_nonnull(strstr(errors.list[0].text, "NUL"));
}
END_TEST

static struct {
	char a[24], b[24];
	bool conflict;
} addresses[] = {
	{ "*", "*", true },
	{ "*", "::", true },
	{ "*", "0.0.0.0", true },
	{ "*", "127.0.0.1", true },
	{ "*", "::1", true },
	{ "::", "0.0.0.0", false },
	{ "::", "127.0.0.1", false },
	{ "::", "::1", true },
	{ "0.0.0.0", "127.0.0.1", true },
	{ "0.0.0.0", "::1", false },
	{ "127.0.0.1", "127.0.0.2", false },
	{ "::1", "0:0:0:0:0:0:0:1", true },
	{ "2001:db8::a", "2001:DB8:0::A", true },
	{ "::1", "::2", false },
	{ "fe80::1%1", "fe80::1%lo", true },
	{ "fe80::1%1", "fe80::1%2", false },
	{ "fe80::1%1", "::", false },
};

START_TEST(addresses_that_share_a_port_conflict)
{
	struct listener_config a = { .port = 1, .address = addresses[_i].a };
	struct listener_config b = { .port = 1, .address = addresses[_i].b };

	ck_assert_int_eq(conflicts_listeners(&a, &b), addresses[_i].conflict);
	ck_assert_int_eq(conflicts_listeners(&b, &a), addresses[_i].conflict);
	b.port = 2;
	ck_assert(!conflicts_listeners(&a, &b));
	a.port = b.port = 0;
	ck_assert(!conflicts_listeners(&a, &b));
}
END_TEST

static struct {
	char a[8], b[8];
	bool conflict;
} paths[] = {
	{ "/a/b", "/a/b", true },   { "/a/b", "//a/./b", true },
	{ "a/b", "./a//b", true },  { "/a/b", "a/b", false },
	{ "/a/b", "/a/bc", false }, { "/a/b", "/a", false },
	{ "/a", "/a/b", false },    { "/a/.b", "/a/b", false },
	{ "/a/../b", "/b", false }, { "/a/..", "/a/.", false },
	{ "./././x", "x", true },   { "/.", "/", true },
};

START_TEST(paths_of_one_file_conflict)
{
	struct output_config a = { .type = OUTPUT_FILE, .path = paths[_i].a };
	struct output_config b = { .type = OUTPUT_FILE, .path = paths[_i].b };

	ck_assert_int_eq(conflicts_outputs(&a, &b), paths[_i].conflict);
	ck_assert_int_eq(conflicts_outputs(&b, &a), paths[_i].conflict);
}
END_TEST

static char *
dump(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	config_dump(&config, out);
	fclose(out);
	return text;
}

static const char *const dumped[] = {
	"\n",
	"outputs = ( { type = \"syslog\"; facility = \"local7\"; severity = "
	"\"debug\"; ident = \"x\"; }, { type = \"journal\"; }, { type = "
	"\"file\"; path = \"/a \\\"b\\\\c\\x01\"; mode = \"0600\"; format = "
	"\"raw\"; } );\n",
	"listeners = ( { protocol = \"udp\"; port = 0; interface = \"lo\"; "
	"outputs = ( \"stdout\" ); receive_buffer = 1; }, { protocol = "
	"\"tcp\"; port = 65535; framing = \"octet-counted\"; idle_timeout = 9; "
	"connection_notes = \"all\"; max_connections_per_source = 3; allow = "
	"[ \"::/0\", \"0.0.0.0/0\" ]; deny = ( \"10.0.0.0/9\" ); proxies = "
	"[ \"10.0.0.5\" ]; } );\n"
	"limits = { shutdown_timeout = 0; flush_timeout = 0; };\n",
};

START_TEST(a_dump_loads_to_the_same)
{
	char *first, *second;

	parse(dumped[_i]);
	ck_assert_uint_eq(errors.count, 0);
	first = dump();
	config_free(&config);
	parse(first);
	ck_assert_uint_eq(errors.count, 0);
	second = dump();
	ck_assert_str_eq(first, second);
	free(first);
	free(second);
}
END_TEST

/* Each row is found by its name, and its default is in range. */
START_TEST(has_a_sound_table_of_options)
{
	const struct option *const tables[] = {
		config_top_options,    config_limits_options,
		config_name_options,   config_listener_options,
		config_output_options,
	};

	for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
		for (const struct option *o = tables[t]; o->name; o++) {
			ck_assert_ptr_eq(option_find(tables[t], o->name), o);
			if (o->type != OPTION_INTEGER || o->required)
				continue;
			ck_assert_int_le(o->min, o->initial);
			if (o->initial != MAX_LINE_UNSET)
				ck_assert_int_le(o->initial, o->max);
		}
}
END_TEST

SUITE(config)
{
	Suite *suite = suite_create("config");
	TCase *tests = tcase_create("config");

	tcase_add_checked_fixture(tests, NULL, clean_up);
	tcase_add_test(tests, gives_the_defaults_for_an_empty_file);
	tcase_add_test(tests,
		       lets_listeners_inherit_limits_wherever_these_stand);
	tcase_add_test(tests, turns_output_names_into_bits);
	tcase_add_loop_test(tests, reports_each_error_with_its_line, 0,
			    sizeof wrong / sizeof *wrong);
	tcase_add_test(tests, reports_all_errors_in_the_order_of_their_lines);
	tcase_add_loop_test(tests, accepts_correct_texts, 0,
			    sizeof right / sizeof *right);
	tcase_add_test(tests, refuses_a_nul_where_libconfig_would_stop);
	tcase_add_loop_test(tests, addresses_that_share_a_port_conflict, 0,
			    sizeof addresses / sizeof *addresses);
	tcase_add_loop_test(tests, paths_of_one_file_conflict, 0,
			    sizeof paths / sizeof *paths);
	tcase_add_loop_test(tests, a_dump_loads_to_the_same, 0,
			    sizeof dumped / sizeof *dumped);
	tcase_add_test(tests, has_a_sound_table_of_options);
	suite_add_tcase(suite, tests);
	return suite;
}
