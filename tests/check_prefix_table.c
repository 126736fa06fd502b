/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "base/prefix_table.h"

static struct prefix_table table;

static void
clean_up(void)
{
	prefix_table_free(&table);
}

static void
add(const char *text, unsigned value)
{
	char expected[NETWORK_EXPECTED];
	struct network network;

	ck_assert(network_parse(&network, text, expected));
	prefix_table_add(&table, &network, value);
}

static unsigned
find(const char *text)
{
	struct address address;

	ck_assert(address_parse(&address, text, 514));
	return prefix_table_find(&table, &address);
}

START_TEST(the_longest_prefix_wins)
{
	add("10.1.2.0/24", 3);
	add("10.0.0.0/8", 1);
	add("10.1.2.3", 5);
	add("10.1.0.0/16", 2);
	add("10.1.2.4/31", 4);
	add("192.0.2.128/25", 6);
	add("2001:db8::/32", 7);
	add("2001:db8:0:1::/64", 8);
	add("2001:db8:0:1::1", 9);
	prefix_table_sort(&table);
	ck_assert_uint_eq(find("10.1.2.3"), 5);
	ck_assert_uint_eq(find("10.1.2.4"), 4);
	ck_assert_uint_eq(find("10.1.2.5"), 4);
	ck_assert_uint_eq(find("10.1.2.6"), 3);
	ck_assert_uint_eq(find("10.1.2.0"), 3);
	ck_assert_uint_eq(find("10.1.3.0"), 2);
	ck_assert_uint_eq(find("10.1.255.255"), 2);
	ck_assert_uint_eq(find("10.2.0.0"), 1);
	ck_assert_uint_eq(find("10.255.255.255"), 1);
	ck_assert_uint_eq(find("11.0.0.0"), PREFIX_NONE);
	ck_assert_uint_eq(find("9.255.255.255"), PREFIX_NONE);
	ck_assert_uint_eq(find("192.0.2.127"), PREFIX_NONE);
	ck_assert_uint_eq(find("192.0.2.128"), 6);
	ck_assert_uint_eq(find("2001:db8:0:1::1"), 9);
	ck_assert_uint_eq(find("2001:db8:0:1::2"), 8);
	ck_assert_uint_eq(find("2001:db8:0:2::2"), 7);
	ck_assert_uint_eq(find("2001:db9::"), PREFIX_NONE);
}
END_TEST

START_TEST(families_are_apart_and_a_mapped_address_is_ipv4)
{
	add("::/0", 6);
	prefix_table_sort(&table);
	ck_assert_uint_eq(find("::1"), 6);
	ck_assert_uint_eq(find("192.0.2.1"), PREFIX_NONE);
	ck_assert_uint_eq(find("::ffff:192.0.2.1"), PREFIX_NONE);
	add("0.0.0.0/0", 4);
	prefix_table_sort(&table);
	ck_assert_uint_eq(find("0.0.0.0"), 4);
	ck_assert_uint_eq(find("::ffff:192.0.2.1"), 4);
	ck_assert_uint_eq(find("ffff:ffff:ffff:ffff::"), 6);
}
END_TEST

START_TEST(zones_do_not_count)
{
	add("fe80::1", 1);
	prefix_table_sort(&table);
	ck_assert_uint_eq(find("fe80::1%lo"), 1);
	ck_assert_uint_eq(find("fe80::2%lo"), PREFIX_NONE);
}
END_TEST

START_TEST(an_empty_table_has_nothing)
{
	prefix_table_sort(&table);
	ck_assert_uint_eq(find("::"), PREFIX_NONE);
}
END_TEST

START_TEST(doubles_are_found)
{
	add("10.0.0.0/8", 0);
	add("2001:DB8::1", 1);
	add("10.0.0.0/9", 2);
	add("10.0.0.0/8", 3);
	add("2001:db8:0::1/128", 4);
	prefix_table_sort(&table);
	for (size_t i = 1; i < 5; i++) {
		unsigned value = table.list[i].value;

		ck_assert_int_eq(prefix_table_is_double(&table, i),
				 value == 3 || value == 4);
	}
}
END_TEST

static const struct {
	const char *text, *expected;
} wrong[] = {
	{ "", "an address" },
	{ "/8", "an address" },
	{ "10.0.0", "an address" },
	{ "host.example", "an address" },
	{ "*", "an address" },
	{ "fe80::1%lo", "an address" },
	{ "10.0.0.0/33", "a prefix from /0 to /32" },
	{ "10.0.0.0/", "a prefix from /0 to /32" },
	{ "10.0.0.0/08", "a prefix from /0 to /32" },
	{ "10.0.0.0/-1", "a prefix from /0 to /32" },
	{ "10.0.0.0/255.0.0.0", "a prefix from /0 to /32" },
	{ "::/129", "a prefix from /0 to /128" },
	{ "::/1000", "a prefix from /0 to /128" },
	{ "10.0.0.1/31", "\"10.0.0.0/31\", whose address is zero" },
	{ "10.1.0.0/15", "\"10.0.0.0/15\", whose" },
	{ "10.1.2.3/0", "\"0.0.0.0/0\", whose" },
	{ "2001:db8::1/127", "\"2001:db8::/127\", whose" },
	{ "1::/0", "\"::/0\", whose" },
	{ "::ffff:10.0.0.1", "\"10.0.0.1\", IPv4 without" },
	{ "::ffff:10.0.0.0/104", "\"10.0.0.0/8\", IPv4 without" },
	{ "::ffff:10.1.2.3/104", "\"10.0.0.0/8\", IPv4 without" },
	{ "::ffff:10.0.0.0/128", "\"10.0.0.0\", IPv4 without" },
	{ "::ffff:0:0/96", "\"0.0.0.0/0\", IPv4 without" },
	{ "::ffff:10.0.0.0/8", "IPv4 without" },
	{ "::ffff:10.0.0.0/129", "a prefix from /0 to /128" },
};

START_TEST(what_is_no_network_is_refused)
{
	char said[NETWORK_EXPECTED];
	struct network network;

	ck_assert(!network_parse(&network, wrong[_i].text, said));
	ck_assert_mem_eq(said, wrong[_i].expected, strlen(wrong[_i].expected));
}
END_TEST

START_TEST(a_network_is_shown_as_it_is_read)
{
	const char *texts[] = { "0.0.0.0/0",     "10.0.0.0/8",    "192.0.2.17",
				"::/0",          "2001:db8::/32", "2001:db8::1",
				"192.0.2.16/31", "::/127" };

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		char text[NETWORK_TEXT], expected[NETWORK_EXPECTED];
		struct network network;

		ck_assert(network_parse(&network, texts[i], expected));
		network_format(&network, text);
		ck_assert_str_eq(text, texts[i]);
	}
}
END_TEST

SUITE(prefix_table)
{
	Suite *suite = suite_create("prefix_table");
	TCase *tests = tcase_create("prefix_table");

	tcase_add_checked_fixture(tests, NULL, clean_up);
	tcase_add_test(tests, the_longest_prefix_wins);
	tcase_add_test(tests, families_are_apart_and_a_mapped_address_is_ipv4);
	tcase_add_test(tests, zones_do_not_count);
	tcase_add_test(tests, an_empty_table_has_nothing);
	tcase_add_test(tests, doubles_are_found);
	tcase_add_loop_test(tests, what_is_no_network_is_refused, 0,
			    sizeof wrong / sizeof *wrong);
	tcase_add_test(tests, a_network_is_shown_as_it_is_read);
	suite_add_tcase(suite, tests);
	return suite;
}
