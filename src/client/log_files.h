/* SPDX-License-Identifier: MIT */
/*
 * log_files: the records of one or more logs, text or JSON, compressed or not,
 * as one log.  One thread.
 */
#ifndef PORTLOG_CLIENT_LOG_FILES_H
#define PORTLOG_CLIENT_LOG_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "record/log_line.h"

struct log_files {
	char **paths; /* borrowed; "-" is standard input */
	size_t count;
	/* A line.  Returns NULL, or what was expected: constant text. */
	const char *(*take)(void *argument, const struct log_line *);
	/* Called before more is read, which may take its time.  Or NULL. */
	void (*pause)(void *argument);
	void *argument;
};

/*
 * Call take for each line.  false: a file or some lines were not read, or take
 * has refused some, and that was logged: faults of the same kind in successive
 * lines once.
 */
bool log_files_read(const struct log_files *);

#endif
