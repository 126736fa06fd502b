/* SPDX-License-Identifier: MIT */
/*
 * path_pattern: the path of a file for each sender or day.  "%{peer}" in it is
 * the address of the record's peer, "%{name}" its name or else its address,
 * "%{listener}" the listener, "%Y", "%m", "%d" and "%H" are the record's time
 * in UTC, "%%" is "%".  Pure.
 *
 * A value never ends a part of the path, is none of "", "." and "..", and has
 * printable ASCII only: other bytes, "/" and dots at its beginning become "_".
 * No peer and no listener are "-".
 */
#ifndef PORTLOG_RECORD_PATH_PATTERN_H
#define PORTLOG_RECORD_PATH_PATTERN_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "record/record.h"

/* What a path depends on. */
enum {
	PATH_PATTERN_PEER = 1,
	PATH_PATTERN_LISTENER = 2,
	PATH_PATTERN_TIME = 4,
};

/* Whether a path is such a pattern: it has a "%". */
bool path_pattern_is(const char *path);

/*
 * What is expected in place of a path that is no correct pattern; NULL: it is,
 * and whatever the record, the path fits into PATH_MAX, its parts into
 * NAME_MAX.
 */
const char *path_pattern_expect(const char *path);

/* What the path depends on, a sum. */
unsigned path_pattern_parts(const char *pattern);

/* Whether two records have one path, as far as it depends on these parts. */
bool path_pattern_is_same(unsigned parts, const struct record *,
			  const struct record *);

/* The path of the file of a record. */
void path_pattern_expand(const char *pattern, const struct record *,
			 char path[PATH_MAX]);

/* The most bytes of what path_pattern_to_glob() writes. */
#define PATH_PATTERN_GLOB ((size_t)6 * PATH_MAX)

/* A pattern of glob(7) that has the paths of all records, and some others. */
void path_pattern_to_glob(const char *pattern, char glob[PATH_PATTERN_GLOB]);

/*
 * The directory that is the same for all: "/var/log/" of "/var/log/%{peer}/x",
 * "." of "%Y".  Returns how many bytes of the path it is.  Also for a path that
 * is no pattern.
 */
size_t path_pattern_directory(const char *path, char directory[PATH_MAX]);

#endif
