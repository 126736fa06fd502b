/* SPDX-License-Identifier: MIT */
/*
 * free_space: what an output leaves free on the file system of its file, as
 * keep_free says: so the host lives when peers fill the disk.  Any thread that
 * holds the output's lock; blocks as long as statvfs(3) does.
 */
#ifndef PORTLOG_OUTPUT_FREE_SPACE_H
#define PORTLOG_OUTPUT_FREE_SPACE_H

#include <stdbool.h>
#include <stddef.h>

#include "output/sink.h"

#define FREE_SPACE_REASON 160

/*
 * Whether so many bytes may be written now; false: why has the reason.  Not
 * each call looks: a file takes 1 MiB, or writes for a second, between two
 * looks.  Each file looks for itself, so together they may take that much more
 * for each file but one.
 */
bool free_space_allows(struct sink *, size_t size, long long now_ms,
		       char why[FREE_SPACE_REASON]);

#endif
