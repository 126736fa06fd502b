/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <string.h>

#include "config/tls_names.h"

#define HEX "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"
#define SMALL "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define EIGHT "01:23:45:67:89:Ab:cd:ef"
#define COLONS EIGHT ":" EIGHT ":" EIGHT ":" EIGHT
#define LABEL "abcdefghijklmnopqrstuvwxyz012345678901234567890123456789abc."
#define LONG LABEL LABEL LABEL LABEL

static const struct {
	const char *name, *expected; /* NULL: it is right */
} names[] = {
	{ "sensor7.example", NULL },
	{ "Sensor_7-b.EXAMPLE", NULL },
	{ "sensor7", NULL },
	{ "*.example", NULL },
	{ "*.site-b.example", NULL },
	{ "192.0.2.7", NULL },
	{ "2001:db8::7", NULL },
	{ "device@site", NULL },
	{ "", "a name such as" },
	{ "*", "a name such as" },
	{ "*.", "a name such as" },
	{ ".example", "a name such as" },
	{ "*example", "a name such as" },
	{ "*.*.example", "a name such as" },
	{ "a.*.example", "a name such as" },
	{ "sens*.example", "a name such as" },
	{ "sensor7..example", "a name such as" },
	{ "sensor7.example.", "a name such as" },
	{ "sensor 7", "a name such as" },
	{ "sensor\\x207", "a name such as" },
	{ "s\xc3\xa4nsor", "a name such as" },
	{ "a\n", "a name such as" },
	{ "https://a.example", "a name such as" },
	{ "a.example:6514", "a name such as" },
	{ "192.0.2.0/24", "a name such as" },
	{ "fe80::1%lo", "a name such as" },
	{ "sha256:" HEX, "it in \"fingerprints\"" },
	{ "SHA1:01:02", "it in \"fingerprints\"" },
	{ LONG "abcde.example", NULL },
	{ LONG "abcde.example1", "a name such as" },
};

static const struct {
	const char *name, *found;
	size_t size; /* of found; 0: it is a string */
	bool matches;
} matches[] = {
	{ "sensor7.example", "sensor7.example", 0, true },
	{ "sensor7.example", "SENSOR7.Example", 0, true },
	{ "sensor7.example", "sensor7.example.", 0, false },
	{ "sensor7.example", "sensor7.exampl", 0, false },
	{ "sensor7.example", "sensor7.example\0", 16, false },
	{ "sensor7.example", "sensor7.example\0.evil", 21, false },
	{ "sensor7.example", "sensor7\0example", 15, false },
	{ "sensor7.example", "*.example", 0, false },
	{ "sensor7", "", 0, false },
	{ "*.example", "sensor7.example", 0, true },
	{ "*.EXAMPLE", "sensor7.example", 0, true },
	{ "*.example", "a.sensor7.example", 0, false },
	{ "*.example", "example", 0, false },
	{ "*.example", ".example", 0, false },
	{ "*.example", "\0.example", 9, true },
	{ "*.example", "sensor7.example\0", 16, false },
	{ "*.example", "", 0, false },
	{ "*.0.2.7", "192.0.2.7", 0, true },
	{ "192.0.2.7", "192.0.2.7", 0, true },
	{ "192.0.2.7", "192.0.2.70", 0, false },
	{ "192.0.2.7", "192.0.2.7\0", 10, false },
	{ "2001:DB8::0:7", "2001:db8::7", 0, true },
	{ "2001:db8::7", "2001:db8::8", 0, false },
	{ "2001:db8::7", "fe80::1%lo", 0, false },
};

static const struct {
	const char *text;
	bool is_right;
} fingerprints[] = {
	{ "sha256:" HEX, true },
	{ "SHA256:" HEX, true },
	{ "Sha256:" COLONS, true },
	{ "", false },
	{ "sha256", false },
	{ "sha256:", false },
	{ HEX, false },
	{ "sha1:" HEX, false },
	{ "sha256: " HEX, false },
	{ "sha256:" HEX "0", false },
	{ "sha256:" HEX " ", false },
	{ "sha256:0123", false },
	{ "sha256:01:" HEX, false },
	{ "sha256:" COLONS ":", false },
	{ "sha256:" COLONS ":01", false },
	{ "sha256:" EIGHT "01234567" EIGHT "01234567" EIGHT, false },
	{ "sha256:x1" HEX, false },
	{ "sha256:1", false },
};

START_TEST(says_what_a_name_has_to_be)
{
	const char *expected = tls_names_expect(names[_i].name);

	if (names[_i].expected)
		ck_assert_ptr_eq(strstr(expected, names[_i].expected),
				 expected);
	else
		ck_assert_ptr_null(expected);
}
END_TEST

START_TEST(matches_whole_names_and_one_label)
{
	const char *found = matches[_i].found;
	size_t size = matches[_i].size ? matches[_i].size : strlen(found);

	ck_assert_int_eq(tls_names_match(matches[_i].name,
					 (const unsigned char *)found, size),
			 matches[_i].matches);
}
END_TEST

START_TEST(writes_each_fingerprint_in_one_way)
{
	char out[TLS_FINGERPRINT];

	ck_assert_int_eq(tls_fingerprint_read(out, fingerprints[_i].text),
			 fingerprints[_i].is_right);
	if (fingerprints[_i].is_right)
		ck_assert_str_eq(out, "sha256:" SMALL);
}
END_TEST

SUITE(tls_names)
{
	Suite *suite = suite_create("tls_names");
	TCase *tests = tcase_create("tls_names");

	tcase_add_loop_test(tests, says_what_a_name_has_to_be, 0,
			    sizeof names / sizeof *names);
	tcase_add_loop_test(tests, matches_whole_names_and_one_label, 0,
			    sizeof matches / sizeof *matches);
	tcase_add_loop_test(tests, writes_each_fingerprint_in_one_way, 0,
			    sizeof fingerprints / sizeof *fingerprints);
	suite_add_tcase(suite, tests);
	return suite;
}
