/* SPDX-License-Identifier: MIT */
/*
 * log_search: where in a regular file, text or JSON, to begin.  Reads some
 * blocks of it, whatever its size.  One thread.
 */
#ifndef PORTLOG_CLIENT_LOG_SEARCH_H
#define PORTLOG_CLIENT_LOG_SEARCH_H

#include <stddef.h>
#include <sys/types.h>
#include <time.h>

/*
 * Lines are only nearly in the order of their times: threads write when they
 * get the output's lock.  Lines are looked for so many seconds further.
 */
#define LOG_SEARCH_SLACK 10

/*
 * A line before which all lines are older than that time.  Where an output
 * stood still, datagrams are older than what stands before them; that stall,
 * if it is noted shortly before, is allowed for.
 */
off_t log_search_time(int fd, const struct timespec *);

/*
 * Where the last `lines` lines begin; a last one without LF counts.  *missing:
 * how many less there are.  Of no lines: behind the last LF.
 */
off_t log_search_last(int fd, size_t lines, size_t *missing);

#endif
