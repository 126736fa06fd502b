/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <string.h>

#include "base/address.h"
#include "base/bytes.h"
#include "config/command_line.h"

static const struct {
	const char *text;
	uint16_t port;
	const char *formatted; /* NULL: not an address */
	const char *host;
} addresses[] = {
	{ "192.0.2.7", 51034, "192.0.2.7:51034", "192.0.2.7" },
	{ "2001:db8::7", 40000, "[2001:db8::7]:40000", "2001:db8::7" },
	{ "::", 0, "[::]:0", "::" },
	{ "::ffff:192.0.2.7", 5, "192.0.2.7:5", "192.0.2.7" },
	{ "fe80::1%1", 5, "[fe80::1%lo]:5", "fe80::1%lo" },
	{ "fe80::1%lo", 5, "[fe80::1%lo]:5", "fe80::1%lo" },
	{ "fe80::1%4000000000", 5, "[fe80::1%4000000000]:5",
	  "fe80::1%4000000000" },
	{ "fe80::1%", 5, NULL, NULL },
	{ "fe80::1%no such", 5, NULL, NULL },
	{ "localhost", 5, NULL, NULL },
	{ "192.0.2", 5, NULL, NULL },
	{ "192.0.2.256", 5, NULL, NULL },
	{ "[::1]", 5, NULL, NULL },
	{ "", 5, NULL, NULL },
	{ "*", 5, NULL, NULL },
};

START_TEST(parses_and_formats)
{
	char text[ADDRESS_TEXT], host[ADDRESS_TEXT];
	struct address address;
	bool parsed =
		address_parse(&address, addresses[_i].text, addresses[_i].port);

	ck_assert_int_eq(parsed, addresses[_i].formatted != NULL);
	if (!parsed)
		return;
	address_format(&address, text);
	ck_assert_str_eq(text, addresses[_i].formatted);
	address_format_host(&address, host);
	ck_assert_str_eq(host, addresses[_i].host);
}
END_TEST

START_TEST(splits_what_it_formatted)
{
	char text[ADDRESS_TEXT];
	const char *host, *port;
	struct address address;
	size_t size;

	ck_assert(address_parse(&address, "2001:db8::7", 40000));
	address_format(&address, text);
	address_split(text, &host, &size, &port);
	ck_assert_uint_eq(size, strlen("2001:db8::7"));
	ck_assert_mem_eq(host, "2001:db8::7", size);
	ck_assert_str_eq(port, "40000");
}
END_TEST

START_TEST(a_process_is_of_its_user)
{
	char text[ADDRESS_TEXT];
	struct address a, b, c, source;

	address_set_process(&a, 1000, 42);
	address_set_process(&b, 1000, 43);
	address_set_process(&c, 1001, 42);
	address_format(&a, text);
	ck_assert_str_eq(text, "unix:uid=1000:pid=42");
	address_format_host(&a, text);
	ck_assert_str_eq(text, "unix:uid=1000");
	ck_assert(address_same_host(&a, &b) && !address_same_host(&a, &c));
	ck_assert_uint_eq(address_hash_host(&a), address_hash_host(&b));
	source = address_source(&b, 1);
	ck_assert(address_same_host(&source, &a));
	address_format_source(&source, 1, text);
	ck_assert_str_eq(text, "unix:uid=1000");
	address_set_process(&a, UINT32_MAX, INT32_MAX);
	address_format(&a, text);
	ck_assert_str_eq(text, "unix:uid=4294967295:pid=2147483647");
}
END_TEST

static const struct {
	const char *text;
	enum protocol protocol;
	const char *host; /* NULL: an error */
	uint16_t port;
} listeners[] = {
	{ "tcp:9000", PROTOCOL_TCP, "*", 9000 },
	{ "udp:*:0", PROTOCOL_UDP, "*", 0 },
	{ "udp:[::1]:9000", PROTOCOL_UDP, "::1", 9000 },
	{ "tcp:192.0.2.1:65535", PROTOCOL_TCP, "192.0.2.1", 65535 },
	{ "tcp:[::ffff:192.0.2.1]:9000", 0, NULL, 0 },
	{ "tcp", 0, NULL, 0 },
	{ "tcp:", 0, NULL, 0 },
	{ "9000", 0, NULL, 0 },
	{ "sctp:9000", 0, NULL, 0 },
	{ "tcp:65536", 0, NULL, 0 },
	{ "tcp:4294967810", 0, NULL, 0 },
	{ "tcp:-1", 0, NULL, 0 },
	{ "tcp:+1", 0, NULL, 0 },
	{ "tcp: 1", 0, NULL, 0 },
	{ "tcp:1x", 0, NULL, 0 },
	{ "tcp::1:9000", 0, NULL, 0 },
	{ "tcp:::9000", 0, NULL, 0 },
	{ "tcp:[]:9000", 0, NULL, 0 },
	{ "tcp:localhost:9000", 0, NULL, 0 },
	{ "tcp::9000", 0, NULL, 0 },
	{ "", 0, NULL, 0 },
};

START_TEST(parses_listeners)
{
	enum protocol protocol;
	char host[ADDRESS_TEXT];
	uint16_t port;
	const char *error = command_line_parse_listener(listeners[_i].text,
							&protocol, host, &port);

	ck_assert_int_eq(error == NULL, listeners[_i].host != NULL);
	if (error)
		return;
	ck_assert_int_eq(protocol, listeners[_i].protocol);
	ck_assert_str_eq(host, listeners[_i].host);
	ck_assert_uint_eq(port, listeners[_i].port);
}
END_TEST

START_TEST(hashes_as_fnv_1a)
{
	ck_assert(bytes_hash("", 0) == UINT64_C(0xcbf29ce484222325));
	ck_assert(bytes_hash("foobar", 6) == UINT64_C(0x85944171f73967e8));
}
END_TEST

START_TEST(one_host_is_the_same_in_both_families)
{
	struct address a, b, c;

	ck_assert(address_parse(&a, "192.0.2.7", 1));
	ck_assert(address_parse(&b, "::ffff:192.0.2.7", 2));
	ck_assert(address_parse(&c, "2001:db8::7", 1));
	ck_assert(address_same_host(&a, &b));
	ck_assert_uint_eq(address_hash_host(&a), address_hash_host(&b));
	ck_assert(!address_same_host(&a, &c));
	ck_assert(!address_same_host(&c, &b));
	ck_assert(address_same_host(&c, &c));
}
END_TEST

static const struct {
	const char *host;
	unsigned prefix_v6;
	const char *source;
} sources[] = {
	{ "192.0.2.7", 64, "192.0.2.7" },
	{ "192.0.2.7", 1, "192.0.2.7" },
	{ "::ffff:192.0.2.7", 64, "192.0.2.7" },
	{ "2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::/64" },
	{ "2001:db8:1:2:3:4:5:6", 128, "2001:db8:1:2:3:4:5:6" },
	{ "2001:db8:1:2:3:4:5:7", 127, "2001:db8:1:2:3:4:5:6/127" },
	{ "2001:db8:1:2:3:4:5:6", 48, "2001:db8:1::/48" },
	{ "2001:db8:1:ffff::", 49, "2001:db8:1:8000::/49" },
	{ "ffff::1", 1, "8000::/1" },
	{ "fe80::1%lo", 64, "fe80::%lo/64" },
};

START_TEST(a_source_is_a_host_or_a_prefix_of_ipv6)
{
	struct address peer, source;
	char text[ADDRESS_TEXT];

	ck_assert(address_parse(&peer, sources[_i].host, 7));
	source = address_source(&peer, sources[_i].prefix_v6);
	address_format_source(&source, sources[_i].prefix_v6, text);
	ck_assert_str_eq(text, sources[_i].source);
	ck_assert_uint_eq(source.in.sin_port, 0);
}
END_TEST

SUITE(address)
{
	Suite *suite = suite_create("address");
	TCase *tests = tcase_create("address");

	tcase_add_loop_test(tests, parses_and_formats, 0,
			    sizeof addresses / sizeof *addresses);
	tcase_add_test(tests, splits_what_it_formatted);
	tcase_add_test(tests, a_process_is_of_its_user);
	tcase_add_test(tests, hashes_as_fnv_1a);
	tcase_add_loop_test(tests, parses_listeners, 0,
			    sizeof listeners / sizeof *listeners);
	tcase_add_test(tests, one_host_is_the_same_in_both_families);
	tcase_add_loop_test(tests, a_source_is_a_host_or_a_prefix_of_ipv6, 0,
			    sizeof sources / sizeof *sources);
	suite_add_tcase(suite, tests);
	return suite;
}
