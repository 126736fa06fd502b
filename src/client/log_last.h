/* SPDX-License-Identifier: MIT */
/* log_last: where the last lines of a file that are wanted begin.  One thread.
 */
#ifndef PORTLOG_CLIENT_LOG_LAST_H
#define PORTLOG_CLIENT_LOG_LAST_H

#include <stddef.h>
#include <sys/types.h>

#include "client/log_filter.h"

/*
 * Where in an open file to begin for as many lines that are wanted; its offset
 * changes.  *missing: how many less it has.  0 in one that is compressed, or is
 * no regular file; -1 is none.
 */
off_t log_last(const char *name, int fd, const struct log_filter *,
	       size_t lines, size_t *missing);

#endif
