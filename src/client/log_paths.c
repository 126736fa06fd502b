/* SPDX-License-Identifier: MIT */
#include "client/log_paths.h"

#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/memory.h"
#include "client/log_parts.h"
#include "config/errors.h"
#include "config/load.h"
#include "record/path_pattern.h"

bool
log_paths_load(struct config *config, const char *path)
{
	struct errors errors = { 0 };
	bool good;

	config_load(config, path, &errors);
	good = errors.count == 0;
	for (size_t i = 0; i < errors.count; i++) {
		const struct error *error = &errors.list[i];

		if (error->line > 0)
			diag(LOG_ERR, "%s:%u: %s", error->file, error->line,
			     error->text);
		else
			diag(LOG_ERR, "%s: %s", error->file, error->text);
	}
	errors_free(&errors);
	return good;
}

static void
add(struct log_paths *paths, const char *path)
{
	for (size_t i = 0; i < paths->count; i++)
		if (strcmp(paths->list[i], path) == 0 ||
		    log_parts_is_part(path, paths->list[i]))
			return;
	paths->list =
		memory_append(paths->list, paths->count, sizeof *paths->list);
	paths->list[paths->count++] = memory_copy(path);
}

/* Sorted: a rotated file comes after the one that it was. */
static void
add_pattern(struct log_paths *paths, const char *pattern)
{
	char text[PATH_PATTERN_GLOB];
	glob_t found;

	path_pattern_to_glob(pattern, text);
	if (glob(text, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			add(paths, found.gl_pathv[i]);
	globfree(&found);
}

static bool
has_lines(const struct output_config *output)
{
	return output->type == OUTPUT_FILE && output->format != FORMAT_RAW;
}

bool
log_paths_are_written(const struct config *config)
{
	for (size_t i = 0; i < config->output_count; i++)
		if (has_lines(&config->outputs[i]))
			return true;
	return false;
}

void
log_paths_find(struct log_paths *paths, const struct config *config)
{
	for (size_t i = 0; i < config->output_count; i++) {
		const struct output_config *output = &config->outputs[i];

		if (!has_lines(output))
			continue;
		if (path_pattern_is(output->path))
			add_pattern(paths, output->path);
		else
			add(paths, output->path);
	}
}

void
log_paths_free(struct log_paths *paths)
{
	for (size_t i = 0; i < paths->count; i++)
		free(paths->list[i]);
	free(paths->list);
	*paths = (struct log_paths){ 0 };
}
