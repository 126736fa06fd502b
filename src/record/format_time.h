/* SPDX-License-Identifier: MIT */
/* format_time: a moment as text. */
#ifndef PORTLOG_RECORD_FORMAT_TIME_H
#define PORTLOG_RECORD_FORMAT_TIME_H

#include <time.h>

/* "2026-11-23T07:12:01.123456Z" and a NUL. */
#define FORMAT_TIME 28

/* UTC with microseconds (RFC 3339); years 1970 to 9999. */
void format_time(char out[FORMAT_TIME], const struct timespec *);

#endif
