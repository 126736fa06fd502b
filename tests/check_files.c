/* SPDX-License-Identifier: MIT */
/* The output set writes each record to the file that it belongs to. */
#include "check.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output/files.h"
#include "output/output.h"
#include "output/output_set.h"

/* 2026-11-23T23:59:59Z */
#define LAST_SECOND 1795478399

#define RECORDS 512

static char directory[64];
static struct output_config configs[2];
static struct config config = { .outputs = configs };
static struct output_set *outputs;
static struct origin origins[300];
static struct record records[RECORDS];
static char texts[RECORDS][16], names[2][8];
static size_t count;

static void
set_up(void)
{
	snprintf(directory, sizeof directory, "/tmp/portlog-files-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(chdir(directory), 0);
	for (size_t i = 0; i < 300; i++) {
		origins[i] = (struct origin){ .listener = "tcp/1" };
		snprintf(origins[i].peer, sizeof origins[i].peer,
			 "192.0.%zu.%zu:1", i / 100, i % 100);
	}
	count = config.output_count = 0;
	/* Hide the messages on stderr. */
	ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
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
	if (outputs)
		output_set_close(outputs);
	outputs = NULL;
	nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void
add_output(char *path, enum format format, unsigned max_line)
{
	size_t n = config.output_count++;

	snprintf(names[n], sizeof names[n], "out%zu", n);
	configs[n] = (struct output_config){
		.name = names[n],
		.type = OUTPUT_FILE,
		.format = format,
		.path = path,
		.mode = 0604,
		.max_line = max_line,
	};
}

static void
add(size_t origin, time_t time, enum tag tag)
{
	snprintf(texts[count], sizeof texts[count], "%zu", count);
	records[count] = (struct record){
		.time.tv_sec = time,
		.origin = &origins[origin],
		.data = (unsigned char *)texts[count],
		.size = strlen(texts[count]),
		.tag = tag,
	};
	count++;
}

static void
emit(void)
{
	static char scratch[600000];
	size_t size = render_scratch_size(1024);

	ck_assert_uint_le(size, sizeof scratch);
	if (!outputs)
		outputs = output_set_open(&config, -1, -1);
	ck_assert_ptr_nonnull(outputs);
	output_set_emit(outputs, 3, records, count, scratch, size);
	ck_assert_uint_eq(output_set_log_unwritten(outputs), 0);
}

/* The data of the lines of a file, separated by spaces. */
static const char *
data_of(const char *path)
{
	static char text[8192];
	char line[256];
	FILE *file = fopen(path, "r");
	size_t used = 0;

	if (!file)
		return "no file";
	while (fgets(line, sizeof line, file))
		used += (size_t)snprintf(text + used, sizeof text - used, "%s ",
					 strrchr(line, ' ') + 1);
	fclose(file);
	for (size_t i = 0; i < used; i++)
		if (text[i] == '\n')
			text[i] = i + 2 < used ? ',' : '\0';
	return used ? text : "";
}

static size_t
open_files(void)
{
	DIR *self = opendir("/proc/self/fd");
	const struct dirent *entry;
	char path[300], target[PATH_MAX];
	size_t n = 0;

	while ((entry = readdir(self))) {
		ssize_t size;

		snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
		size = readlink(path, target, sizeof target);
		n += size > 0 &&
		     memmem(target, (size_t)size, directory, strlen(directory));
	}
	closedir(self);
	return n;
}

START_TEST(each_record_goes_to_the_file_of_its_peer_and_day)
{
	static char path[] = "logs/%{peer}/%Y-%m-%d.log";
	struct stat status;

	ck_assert_int_eq(mkdir("logs", 0700), 0);
	add_output(path, FORMAT_TEXT, 0);
	add(0, LAST_SECOND, TAG_WHOLE);
	add(1, LAST_SECOND, TAG_WHOLE);
	add(0, LAST_SECOND, TAG_PIECE);
	add(0, LAST_SECOND + 1, TAG_WHOLE);
	add(0, LAST_SECOND, TAG_NOTE); /* the clock was set back */
	emit();
	ck_assert_str_eq(data_of("logs/192.0.0.0/2026-11-23.log"), "0, 2, 4");
	ck_assert_str_eq(data_of("logs/192.0.0.0/2026-11-24.log"), "3");
	ck_assert_str_eq(data_of("logs/192.0.0.1/2026-11-23.log"), "1");
	stat("logs/192.0.0.1/2026-11-23.log", &status);
	ck_assert_uint_eq(status.st_mode & 07777, 0604);
	stat("logs/192.0.0.1", &status);
	ck_assert_uint_eq(status.st_mode & 07777, 0705);
}
END_TEST

/* The mask of the process stays, and so does a set-group-ID bit. */
START_TEST(directories_have_the_mode_whatever_the_mask_is)
{
	static char path[] = "logs/%{peer}/%Y/%m/x";
	struct stat status;

	umask(077);
	ck_assert_int_eq(mkdir("logs", 0700), 0);
	ck_assert_int_eq(chmod("logs", 02700), 0);
	add_output(path, FORMAT_TEXT, 0);
	add(0, LAST_SECOND, TAG_WHOLE);
	emit();
	ck_assert_uint_eq(umask(022), 077);
	stat("logs/192.0.0.0/2026/11", &status);
	ck_assert_uint_eq(status.st_mode & 07777, 02705);
}
END_TEST

START_TEST(what_is_before_the_first_variable_is_not_made)
{
	static char path[] = "logs/%{peer}";

	add_output(path, FORMAT_TEXT, 0);
	ck_assert_ptr_null(output_set_open(&config, -1, -1));
	ck_assert(!output_set_try(&config));
	ck_assert_int_eq(access("logs", F_OK), -1);
	ck_assert_int_eq(mkdir("logs", 0700), 0);
	ck_assert(output_set_try(&config));
	ck_assert_int_eq(rmdir("logs"), 0); /* nothing was made in it */
}
END_TEST

/* More peers than files that may be open, each with several records. */
START_TEST(no_more_files_are_open_than_allowed)
{
	static char path[] = "%{peer}", plain[] = "plain";
	char expected[8192] = "";
	size_t used = 0;

	add_output(path, FORMAT_TEXT, 0);
	add_output(plain, FORMAT_TEXT, 0);
	for (size_t i = 0; i < RECORDS; i++)
		add(i * 7 % 300, LAST_SECOND, TAG_WHOLE);
	emit();
	ck_assert_uint_eq(open_files(), FILES_OPEN + 1);
	emit();
	ck_assert_uint_eq(open_files(), FILES_OPEN + 1);
	for (size_t n = 0; n < 2; n++)
		for (size_t i = 0; i < RECORDS; i++)
			if (i * 7 % 300 == 21)
				used += (size_t)snprintf(
					expected + used, sizeof expected - used,
					used ? ", %zu" : "%zu", i);
	ck_assert_str_eq(data_of("192.0.0.21"), expected);
	used = 0;
	for (size_t n = 0; n < 2; n++)
		for (size_t i = 0; i < RECORDS; i++)
			used += (size_t)snprintf(expected + used,
						 sizeof expected - used,
						 used ? ", %zu" : "%zu", i);
	ck_assert_str_eq(data_of("plain"), expected);
}
END_TEST

START_TEST(a_record_in_many_lines_stays_in_one_file)
{
	static char path[] = "%{peer}";
	static unsigned char data[1000];
	struct stat status;

	memset(data, 0x1b, sizeof data);
	add_output(path, FORMAT_TEXT, FORMAT_MIN_LINE);
	for (size_t i = 0; i < 100; i++) {
		add(i % 2, LAST_SECOND, TAG_WHOLE);
		records[i].data = data;
		records[i].size = sizeof data;
	}
	emit();
	for (size_t i = 0; i < 2; i++) {
		stat(i ? "192.0.0.1" : "192.0.0.0", &status);
		ck_assert_int_gt(status.st_size, 50 * 4 * 1000);
		ck_assert_int_lt(status.st_size, 50 * 4 * 1100);
	}
}
END_TEST

START_TEST(a_note_makes_no_file_in_raw)
{
	static char path[] = "%{peer}";

	add_output(path, FORMAT_RAW, 0);
	add(0, LAST_SECOND, TAG_NOTE);
	add(1, LAST_SECOND, TAG_NOTE);
	add(1, LAST_SECOND, TAG_WHOLE);
	emit();
	ck_assert_int_eq(access("192.0.0.0", F_OK), -1);
	ck_assert_int_eq(access("192.0.0.1", F_OK), 0);
}
END_TEST

START_TEST(a_day_is_one_write_for_all_peers)
{
	static char path[] = "%Y-%m-%d";

	add_output(path, FORMAT_TEXT, 0);
	for (size_t i = 0; i < 10; i++)
		add(i, LAST_SECOND + (i > 5), TAG_WHOLE);
	emit();
	ck_assert_str_eq(data_of("2026-11-23"), "0, 1, 2, 3, 4, 5");
	ck_assert_str_eq(data_of("2026-11-24"), "6, 7, 8, 9");
}
END_TEST

START_TEST(what_is_not_written_to_for_a_minute_is_closed)
{
	static char path[] = "%{peer}";
	static struct output output;
	atomic_llong *now_ms = &output.counters.busy_since_ms;

	add_output(path, FORMAT_TEXT, 0);
	for (size_t i = 0; i < 4; i++)
		add(i, LAST_SECOND, TAG_WHOLE);
	ck_assert(output_open(&output, &configs[0], -1, -1));
	atomic_store(now_ms, 1000);
	ck_assert(files_select(&output, &records[0]));
	atomic_store(now_ms, 2000);
	ck_assert(files_select(&output, &records[1]));
	ck_assert(files_select(&output, &records[2]));
	atomic_store(now_ms, 61000);
	ck_assert(files_select(&output, &records[3]));
	ck_assert_uint_eq(open_files(), 4);
	ck_assert(files_select(&output, &records[1]));
	atomic_store(now_ms, 61001);
	ck_assert(files_select(&output, &records[2]));
	ck_assert_uint_eq(open_files(), 3);
	ck_assert(files_select(&output, &records[0]));
	ck_assert_uint_eq(open_files(), 4);
	ck_assert(output_close(&output));
	ck_assert_uint_eq(open_files(), 0);
}
END_TEST

SUITE(files)
{
	Suite *suite = suite_create("files");
	TCase *tests = tcase_create("files");

	tcase_add_checked_fixture(tests, set_up, clean_up);
	tcase_add_test(tests, each_record_goes_to_the_file_of_its_peer_and_day);
	tcase_add_test(tests, directories_have_the_mode_whatever_the_mask_is);
	tcase_add_test(tests, what_is_before_the_first_variable_is_not_made);
	tcase_add_test(tests, no_more_files_are_open_than_allowed);
	tcase_add_test(tests, a_record_in_many_lines_stays_in_one_file);
	tcase_add_test(tests, a_note_makes_no_file_in_raw);
	tcase_add_test(tests, a_day_is_one_write_for_all_peers);
	tcase_add_test(tests, what_is_not_written_to_for_a_minute_is_closed);
	suite_add_tcase(suite, tests);
	return suite;
}
