/* SPDX-License-Identifier: MIT */
#include "config/check_output.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "config/conflicts.h"
#include "config/options.h"
#include "record/path_pattern.h"

/* The longest datagram that syslog daemons can be set to take. */
#define SYSLOG_MOST_LINE 65536

/* The least max_size but 0. */
#define LEAST_MAX_SIZE 65536

/* Each piece needs room for its columns, and a datagram has an end. */
static void
check_max_line(struct reader *r, config_setting_t *group,
	       const struct output_config *output)
{
	bool is_syslog = output->type == OUTPUT_SYSLOG;
	unsigned most =
		is_syslog ? SYSLOG_MOST_LINE
			  : option_find(config_output_options, "max_line")->max;

	if (output->max_line == MAX_LINE_UNSET ||
	    (output->max_line == 0 && !is_syslog) ||
	    (output->max_line >= FORMAT_MIN_LINE && output->max_line <= most))
		return;
	error_at(r, config_setting_get_member(group, "max_line"),
		 "max_line: found %u, expected %san integer from %u to %u",
		 output->max_line, is_syslog ? "" : "0 or ", FORMAT_MIN_LINE,
		 most);
}

/* To rename files for each few lines would take longer than to write them. */
static void
check_max_size(struct reader *r, config_setting_t *group,
	       const struct output_config *output)
{
	config_setting_t *max_size =
		config_setting_get_member(group, "max_size");
	config_setting_t *keep = config_setting_get_member(group, "keep");

	if (output->max_size > 0 && output->max_size < LEAST_MAX_SIZE)
		error_at(r, max_size,
			 "max_size: found %u, expected 0 or an integer from %u "
			 "to %u",
			 output->max_size, LEAST_MAX_SIZE,
			 option_find(config_output_options, "max_size")->max);
	if (keep && !max_size && output->type == OUTPUT_FILE)
		error_at(r, keep,
			 "found \"keep\" without \"max_size\", expected both");
}

/* Log lines would make the configuration one that no start can read. */
static bool
is_configuration(const struct reader *r, const char *path)
{
	const struct scanned *s = &r->scanned;

	for (size_t i = 0; i < s->file_count; i++)
		if (conflicts_paths(s->files[i], path))
			return true;
	return conflicts_paths(s->tokens[0].file, path);
}

/* Directories are made, but not this one. */
static void
check_fixed_part(struct reader *r, config_setting_t *setting, const char *path)
{
	char directory[PATH_MAX];
	struct stat status;

	/* It ends with a slash. */
	path_pattern_directory(path, directory);
	if (stat(directory, &status) != 0 && errno == ENOTDIR)
		error_at(r, setting,
			 "path: found \"%s\", which is no directory, expected "
			 "one before the first \"%%\"",
			 directory);
}

/* What can be known of a path before it is opened. */
static void
check_path(struct reader *r, config_setting_t *group, const char *path)
{
	config_setting_t *setting = config_setting_get_member(group, "path");
	struct stat status;

	if (path_pattern_is(path))
		check_fixed_part(r, setting, path);
	else if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
		error_at(r, setting,
			 "path: found a directory, \"%s\", "
			 "expected a file",
			 path);
	else if (is_configuration(r, path))
		error_at(r, setting,
			 "path: found a file of this "
			 "configuration, \"%s\", expected another file",
			 path);
}

/* Only a file can be on a disk. */
static void
check_sync(struct reader *r, config_setting_t *group,
	   const struct output_config *output)
{
	config_setting_t *sync = config_setting_get_member(group, "sync");
	struct stat status;

	if (output->sync != SYNC_NONE && output->path &&
	    !path_pattern_is(output->path) &&
	    stat(output->path, &status) == 0 && !S_ISREG(status.st_mode))
		error_at(r, sync,
			 "sync: found \"%s\" for \"%s\", which is no file on "
			 "a disk, expected \"none\"",
			 config_output_syncs[output->sync], output->path);
}

void
check_output(struct reader *r, config_setting_t *group,
	     const struct output_config *output)
{
	check_max_line(r, group, output);
	check_max_size(r, group, output);
	if (output->type == OUTPUT_FILE && output->path)
		check_path(r, group, output->path);
	if (output->type == OUTPUT_FILE)
		check_sync(r, group, output);
}
