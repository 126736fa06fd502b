/* SPDX-License-Identifier: MIT */
/* format_time: a time of a record as text.  Pure. */
#ifndef PORTLOG_RECORD_FORMAT_TIME_H
#define PORTLOG_RECORD_FORMAT_TIME_H

#include <time.h>

/* The size of "2026-11-23T07:12:01.123456Z" and a NUL. */
#define FORMAT_TIME 28

/* UTC in microseconds (RFC 3339), years 1970 to 9999. */
void format_time(char out[FORMAT_TIME], const struct timespec *);

/* Write the microseconds of another time of the same second. */
void format_time_fraction(char out[FORMAT_TIME], long ns);

#endif
