/* SPDX-License-Identifier: MIT */
#include "format_time.h"

#include <stdio.h>

void
format_time(char out[FORMAT_TIME], const struct timespec *time)
{
	struct tm utc;
	size_t used;

	gmtime_r(&time->tv_sec, &utc);
	used = strftime(out, FORMAT_TIME, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(out + used, FORMAT_TIME - used, ".%06ldZ",
		 time->tv_nsec / 1000);
}
