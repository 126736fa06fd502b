/* SPDX-License-Identifier: MIT */
/*
 * log_parts: the files that a log has had: portlog.log, and beside it what a
 * rotation left, such as portlog.log.1, portlog.log-20261123 and
 * portlog.log.2.gz.  Without memory the process ends.  One thread.
 */
#ifndef PORTLOG_CLIENT_LOG_PARTS_H
#define PORTLOG_CLIENT_LOG_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>

#include "client/log_view.h"

struct log_part {
	char *path;
	char first[LOG_VIEW_TIME + 1]; /* time of its first line; "": none */
	struct stat status;
	int fd; /* its path may be another file by now */
};

/* { 0 } is an empty list. */
struct log_parts {
	struct log_part *list;
	size_t count;
};

/*
 * What rotations of this path have left, in the order in which it was written,
 * while others rotate it.  What has no lines, what cannot be read, which is
 * logged, and what was last modified before since is left out.
 */
void log_parts_find(struct log_parts *, const char *path, time_t since);

/*
 * The place behind the file with this status; where it is gone, behind those
 * that begin no later than first.
 */
size_t log_parts_behind(const struct log_parts *, const struct stat *,
			const char *first);

/* Remove the file with this status and all behind it, if it is there. */
void log_parts_cut(struct log_parts *, const struct stat *);

/* Whether a rotation of the log at that path leaves files of this name. */
bool log_parts_is_part(const char *name, const char *path);

void log_parts_free(struct log_parts *);

#endif
