/* SPDX-License-Identifier: MIT */
#include "record/format_time.h"

/* Write so many digits and a character.  Returns where the next ones go. */
static char *
put(char *out, int value, int digits, char after)
{
	for (int i = digits; i-- > 0; value /= 10)
		out[i] = (char)('0' + value % 10);
	out[digits] = after;
	return out + digits + 1;
}

/* By hand, since strftime() and snprintf() take longer than a small recv(). */
void
format_time(char out[FORMAT_TIME], const struct timespec *time)
{
	struct tm utc;

	gmtime_r(&time->tv_sec, &utc);
	out = put(out, utc.tm_year + 1900, 4, '-');
	out = put(out, utc.tm_mon + 1, 2, '-');
	out = put(out, utc.tm_mday, 2, 'T');
	out = put(out, utc.tm_hour, 2, ':');
	out = put(out, utc.tm_min, 2, ':');
	out = put(out, utc.tm_sec, 2, '.');
	out = put(out, (int)(time->tv_nsec / 1000), 6, 'Z');
	*out = '\0';
}

void
format_time_fraction(char out[FORMAT_TIME], long ns)
{
	put(out + FORMAT_TIME - sizeof "123456Z", (int)(ns / 1000), 6, 'Z');
}
