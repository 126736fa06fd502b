/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output/rotate.h"

static char directory[64];

static void
set_up(void)
{
	snprintf(directory, sizeof directory, "/tmp/portlog-rotate-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(chdir(directory), 0);
}

static int
remove_entry(const char *path, const struct stat *status, int type,
	     struct FTW *place)
{
	(void)status;
	(void)type;
	(void)place;
	return remove(path);
}

static void
clean_up(void)
{
	nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void
make(const char *name, char content)
{
	FILE *file = fopen(name, "w");

	ck_assert_ptr_nonnull(file);
	fputc(content, file);
	fclose(file);
}

/* The content of a file, a character; '-': there is none. */
static char
content_of(const char *name)
{
	FILE *file = fopen(name, "r");
	int content = '-';

	if (!file)
		return '-';
	content = fgetc(file);
	fclose(file);
	return (char)content;
}

/* The contents of log, log.1 ... before and after; '-': there is none. */
static const struct {
	const char *before;
	unsigned keep;
	const char *after;
	bool is_removed;
} cases[] = {
	{ "a", 1, "-a--", false },
	{ "ab", 1, "-a--", true },
	{ "ab", 2, "-ab-", false },
	{ "abc", 2, "-ab-", true },
	{ "abc", 3, "-abc", false },
	{ "abcd", 3, "-abc", true },
	/* A rotation was killed halfway. */
	{ "a-bc", 3, "-abc", false },
	{ "ab-c", 3, "-abc", false },
	{ "-abc", 3, "-abc", false },
	/* keep was more before: what is beyond it stays. */
	{ "abcd", 1, "-acd", true },
};

START_TEST(the_oldest_has_the_highest_number)
{
	const char *before = cases[_i].before, *after = cases[_i].after;
	char name[8];
	bool is_removed;

	for (unsigned i = 0; before[i]; i++) {
		snprintf(name, sizeof name, i ? "log.%u" : "log", i);
		if (before[i] != '-')
			make(name, before[i]);
	}
	ck_assert_int_eq(rotate("log", cases[_i].keep, &is_removed),
			 before[0] != '-');
	ck_assert_int_eq(is_removed, cases[_i].is_removed);
	for (unsigned i = 0; after[i]; i++) {
		snprintf(name, sizeof name, i ? "log.%u" : "log", i);
		ck_assert_int_eq(content_of(name), after[i]);
	}
}
END_TEST

START_TEST(a_link_stays_and_the_file_is_renamed)
{
	bool is_removed;

	ck_assert_int_eq(mkdir("data", 0700), 0);
	make("data/file", 'a');
	ck_assert_int_eq(symlink("data/file", "log"), 0);
	ck_assert(rotate("log", 2, &is_removed));
	ck_assert_int_eq(content_of("data/file.1"), 'a');
	ck_assert_int_eq(content_of("log"), '-');
	make("log", 'b');
	ck_assert_int_eq(content_of("data/file"), 'b');
}
END_TEST

START_TEST(without_a_file_it_fails)
{
	bool is_removed = true;

	ck_assert(!rotate("log", 2, &is_removed));
	ck_assert_int_eq(errno, ENOENT);
	ck_assert(!is_removed);
}
END_TEST

START_TEST(where_the_oldest_cannot_be_removed_all_stays)
{
	bool is_removed;

	make("log", 'a');
	ck_assert_int_eq(mkdir("log.1", 0700), 0);
	ck_assert(!rotate("log", 1, &is_removed));
	ck_assert(!is_removed);
	ck_assert_int_eq(content_of("log"), 'a');
}
END_TEST

SUITE(rotate)
{
	Suite *suite = suite_create("rotate");
	TCase *tests = tcase_create("rotate");

	tcase_add_checked_fixture(tests, set_up, clean_up);
	tcase_add_loop_test(tests, the_oldest_has_the_highest_number, 0,
			    sizeof cases / sizeof *cases);
	tcase_add_test(tests, a_link_stays_and_the_file_is_renamed);
	tcase_add_test(tests, without_a_file_it_fails);
	tcase_add_test(tests, where_the_oldest_cannot_be_removed_all_stays);
	suite_add_tcase(suite, tests);
	return suite;
}
