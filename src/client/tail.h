/* SPDX-License-Identifier: MIT */
/*
 * tail: lines of one or more logs in the order of their times, and those that
 * are written from now on.  Without memory the process ends.  Main thread.
 */
#ifndef PORTLOG_CLIENT_TAIL_H
#define PORTLOG_CLIENT_TAIL_H

#include <stdbool.h>
#include <stddef.h>

#include "client/log_filter.h"
#include "client/log_paths.h"
#include "client/log_print.h"
#include "client/log_source.h"

/* All lines, of a number of them. */
#define TAIL_ALL SIZE_MAX

struct tail {
	struct log_filter filter;
	struct log_filter highlight; /* of these rules the matches are marked */
	struct log_printer printer;
	struct config config; /* of which new files are followed */
	bool is_configured;   /* there is one */
	size_t lines;         /* the last ones of what is there */
	size_t limit;         /* end after so many */
	bool follows;

	struct log_source **sources;
	size_t count;
	size_t printed;
};

/* Add a log, unless it is there already. */
void tail_add(struct tail *, const char *path);

/*
 * Print what there is, and what comes if it follows.  Returns an exit code: 1
 * where nothing was found, or something could not be read.
 */
int tail_run(struct tail *);

#endif
