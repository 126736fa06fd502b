/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "record/path_pattern.h"

/* 2026-11-23T07:12:01Z */
#define TIME 1795417921

static struct origin origin;
static struct record record = { .origin = &origin, .time.tv_sec = TIME };

static void
set_origin(const char *listener, const char *peer)
{
	origin.listener = listener;
	snprintf(origin.peer, sizeof origin.peer, "%s", peer);
}

START_TEST(a_name_stands_for_the_address)
{
	char path[PATH_MAX];

	set_origin("l", "192.0.2.7:51034");
	path_pattern_expand("%{name}/%{peer}", &record, path);
	ck_assert_str_eq(path, "192.0.2.7/192.0.2.7");
	origin.name = "../pump/3";
	path_pattern_expand("%{name}/%{peer}", &record, path);
	ck_assert_str_eq(path, "___pump_3/192.0.2.7");
	ck_assert_uint_eq(path_pattern_parts("%{name}"), PATH_PATTERN_PEER);
}
END_TEST

static const struct {
	const char *pattern, *listener, *peer, *path;
} expanded[] = {
	{ "/log/%{peer}", "l", "192.0.2.7:51034", "/log/192.0.2.7" },
	{ "/log/%{peer}.log", "l", "[2001:db8::7]:1", "/log/2001:db8::7.log" },
	{ "%{peer}", "l", "[fe80::1%eth0]:1", "fe80::1%eth0" },
	{ "%{peer}", "l", "-", "-" },
	{ "a%{listener}b", "tcp/8888", "-", "atcp_8888b" },
	{ "%Y-%m-%d/%H", "l", "-", "2026-11-23/07" },
	{ "100%%%%/%{peer}%Y", "l", "-", "100%%/-2026" },
	{ "x/%{listener}/y", "..", "-", "x/__/y" },
	{ "x/%{listener}/y", "../../etc", "-", "x/___.._etc/y" },
	{ "x/%{listener}", ".", "-", "x/_" },
	{ "x/%{listener}", "", "-", "x/-" },
	{ "x/%{listener}", "a\n\x7f\xc3\xa4 b", "-", "x/a_____b" },
	{ "%{peer}", "l", "[fe80::1%/../../x]:1", "fe80::1%_.._.._x" },
};

START_TEST(a_value_never_names_another_path)
{
	char path[PATH_MAX];

	set_origin(expanded[_i].listener, expanded[_i].peer);
	ck_assert_ptr_null(path_pattern_expect(expanded[_i].pattern));
	path_pattern_expand(expanded[_i].pattern, &record, path);
	ck_assert_str_eq(path, expanded[_i].path);
}
END_TEST

static const char *const wrong[] = {
	"%",        "a%",   "%{peer", "%{Peer}", "%{port}", "%y",     "%%%",
	"%{peer}/", "%Y/.", "%Y/..",  "/%s",     "%{}",     "%{name",
};

START_TEST(only_these_variables_are_there)
{
	ck_assert_ptr_nonnull(path_pattern_expect(wrong[_i]));
}
END_TEST

START_TEST(the_longest_values_fit)
{
	char longest[ADDRESS_TEXT], path[PATH_MAX], pattern[PATH_MAX] = "";

	memset(longest, 'x', 79);
	longest[79] = '\0';
	set_origin(longest, longest);
	while (!path_pattern_expect(strcat(pattern, "%{peer}/%{listener}")))
		path_pattern_expand(pattern, &record, path);
	ck_assert_uint_gt(strlen(path), PATH_MAX - 400);
	ck_assert_uint_lt(strlen(path), PATH_MAX);
	ck_assert_ptr_null(path_pattern_expect("%{peer}%{peer}%{peer}"));
	ck_assert_ptr_nonnull(
		path_pattern_expect("%{peer}%{peer}%{peer}%{peer}"));
}
END_TEST

START_TEST(the_directory_is_the_same_for_all)
{
	static const struct {
		const char *path, *directory;
		size_t size;
	} cases[] = {
		{ "/var/log/%{peer}/x", "/var/log/", 9 },
		{ "/var/log/a%Y", "/var/log/", 9 },
		{ "/%Y", "/", 1 },
		{ "a%Y", ".", 0 },
		{ "/var/log/%%/%Y", "/var/log/", 9 },
		{ "/var/log/x", "/var/log/", 9 },
		{ "x", ".", 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char directory[PATH_MAX];

		ck_assert_uint_eq(
			path_pattern_directory(cases[i].path, directory),
			cases[i].size);
		ck_assert_str_eq(directory, cases[i].directory);
	}
}
END_TEST

START_TEST(records_have_one_path_if_what_it_depends_on_is_equal)
{
	struct origin other = origin;
	struct record same = record, later = record, peer = record;
	const unsigned all = PATH_PATTERN_PEER | PATH_PATTERN_TIME;

	same.time.tv_sec += 40 * 60;
	later.time.tv_sec += 60 * 60;
	peer.origin = &other;
	ck_assert_uint_eq(path_pattern_parts("%Y/%{peer}"), all);
	ck_assert_uint_eq(path_pattern_parts("%%/%{listener}"),
			  PATH_PATTERN_LISTENER);
	ck_assert(path_pattern_is_same(all, &record, &same));
	ck_assert(!path_pattern_is_same(all, &record, &later));
	ck_assert(path_pattern_is_same(PATH_PATTERN_PEER, &record, &later));
	ck_assert(!path_pattern_is_same(PATH_PATTERN_PEER, &record, &peer));
	ck_assert(path_pattern_is_same(PATH_PATTERN_LISTENER, &record, &peer));
	other.listener = "another";
	ck_assert(!path_pattern_is_same(PATH_PATTERN_LISTENER, &record, &peer));
}
END_TEST

SUITE(path_pattern)
{
	Suite *suite = suite_create("path_pattern");
	TCase *tests = tcase_create("path_pattern");

	tcase_add_loop_test(tests, a_value_never_names_another_path, 0,
			    sizeof expanded / sizeof *expanded);
	tcase_add_loop_test(tests, only_these_variables_are_there, 0,
			    sizeof wrong / sizeof *wrong);
	tcase_add_test(tests, a_name_stands_for_the_address);
	tcase_add_test(tests, the_longest_values_fit);
	tcase_add_test(tests, the_directory_is_the_same_for_all);
	tcase_add_test(tests,
		       records_have_one_path_if_what_it_depends_on_is_equal);
	suite_add_tcase(suite, tests);
	return suite;
}
