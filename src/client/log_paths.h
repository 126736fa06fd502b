/* SPDX-License-Identifier: MIT */
/*
 * log_paths: which logs the daemon writes, as its configuration says.  Without
 * memory the process ends.  Main thread; blocks on the file.
 */
#ifndef PORTLOG_CLIENT_LOG_PATHS_H
#define PORTLOG_CLIENT_LOG_PATHS_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

/* { 0 } is an empty list. */
struct log_paths {
	char **list;
	size_t count;
};

/*
 * Read the configuration.  false: it is not there or not right, which was
 * logged.  Free it in any case.
 */
bool log_paths_load(struct config *, const char *path);

/*
 * The files that its outputs have written lines to, sorted; of a pattern those
 * that are there.  What raw outputs write has no lines.
 */
void log_paths_find(struct log_paths *, const struct config *);

/* Whether there are such outputs, also where their files are not there yet. */
bool log_paths_are_written(const struct config *);

void log_paths_free(struct log_paths *);

#endif
