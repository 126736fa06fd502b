/* SPDX-License-Identifier: MIT */
/*
 * log_time: a time as people write it.  Any thread; pure, but that the time
 * zone of this host is used where is_local.
 */
#ifndef PORTLOG_CLIENT_LOG_TIME_H
#define PORTLOG_CLIENT_LOG_TIME_H

#include <stdbool.h>
#include <time.h>

/* What log_time_parse() takes, for messages. */
#define LOG_TIME_EXPECTED                                                      \
	"a time, such as 10m, 1h30m, 12:00, yesterday, 2026-11-23 or "         \
	"2026-11-23T07:12:01Z"

/*
 * "10m", "1h30m", "2d ago": before now.  "12:00", "12:00:01.5": of today.
 * "now", "today", "yesterday".  "2026-11-23", with "T" or a space and a time
 * behind it, and "Z" or "+01:00" behind that.  Without these it is UTC, or this
 * host's time where is_local.  false: text is none of them.
 */
bool log_time_parse(struct timespec *, const char *text, bool is_local,
		    const struct timespec *now);

#endif
