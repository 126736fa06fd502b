/* SPDX-License-Identifier: MIT */
#include "client/log_time.h"

#include <string.h>

static time_t
to_time(struct tm *parts, bool is_local)
{
	parts->tm_isdst = -1;
	return is_local ? mktime(parts) : timegm(parts);
}

static void
from_time(struct tm *parts, time_t time, bool is_local)
{
	if (is_local)
		localtime_r(&time, parts);
	else
		gmtime_r(&time, parts);
}

static int
seconds_of(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 60 * 60;
	case 'd':
		return 24 * 60 * 60;
	case 'w':
		return 7 * 24 * 60 * 60;
	default:
		return 0;
	}
}

/* Digits, at most so many.  NULL: there are none; else what is behind them. */
static const char *
parse_number(const char *text, int most, long *number)
{
	const char *begin = text;

	for (*number = 0; *text >= '0' && *text <= '9' && most > 0; most--)
		*number = 10 * *number + *text++ - '0';
	return text > begin ? text : NULL;
}

/* "1h30m", with "-" before it or " ago" behind it. */
static bool
parse_ago(const char *text, struct timespec *out, const struct timespec *now)
{
	time_t all = 0;

	text += *text == '-';
	do {
		long number;

		text = parse_number(text, 6, &number);
		if (!text || seconds_of(*text) == 0)
			return false;
		all += number * seconds_of(*text++);
	} while (*text && strcmp(text, " ago") != 0);
	*out = *now;
	out->tv_sec -= all;
	return true;
}

/* "now", "today" or "yesterday". */
static bool
parse_word(const char *text, struct timespec *out, bool is_local,
	   const struct timespec *now)
{
	bool is_yesterday = strcmp(text, "yesterday") == 0;
	struct tm day;

	*out = *now;
	if (strcmp(text, "now") == 0)
		return true;
	if (!is_yesterday && strcmp(text, "today") != 0)
		return false;
	from_time(&day, now->tv_sec, is_local);
	day.tm_mday -= is_yesterday;
	day.tm_hour = day.tm_min = day.tm_sec = 0;
	*out = (struct timespec){ .tv_sec = to_time(&day, is_local) };
	return true;
}

/* Decimals of a second, which may be there.  Returns what is behind them. */
static const char *
parse_decimals(const char *text, long *ns)
{
	long digit = 100000000;

	*ns = 0;
	if (*text != '.')
		return text;
	for (text++; *text >= '0' && *text <= '9'; text++, digit /= 10)
		*ns += (*text - '0') * digit;
	return text;
}

/* "12:00" or "12:00:01.5".  NULL: neither; else what is behind it. */
static const char *
parse_clock(const char *text, struct tm *parts, long *ns)
{
	const char *end = strptime(text, "%H:%M", parts);
	const char *seconds = end ? strptime(end, ":%S", parts) : NULL;

	*ns = 0;
	return seconds ? parse_decimals(seconds, ns) : end;
}

/* "Z" or "+01:00", which may be there; false: it is something else. */
static bool
parse_zone(const char *text, bool *is_local, long *offset)
{
	long hours, minutes;
	char sign = *text;

	*offset = 0;
	if (!*text)
		return true;
	*is_local = false;
	if (strcmp(text, "Z") == 0)
		return true;
	if (sign != '+' && sign != '-')
		return false;
	text = parse_number(text + 1, 2, &hours);
	text = text && *text == ':' ? parse_number(text + 1, 2, &minutes)
				    : NULL;
	if (!text || *text || hours > 23 || minutes > 59)
		return false;
	*offset = (hours * 60 + minutes) * (sign == '-' ? -60 : 60);
	return true;
}

/* Whether there is such a day: strptime(3) takes the 31st of any month. */
static bool
is_day(const struct tm *parts)
{
	struct tm day = { .tm_year = parts->tm_year,
			  .tm_mon = parts->tm_mon,
			  .tm_mday = parts->tm_mday };

	timegm(&day);
	return day.tm_mday == parts->tm_mday;
}

/* A date, a time of the day, or both. */
static bool
parse_full(const char *text, struct timespec *out, bool is_local,
	   const struct timespec *now)
{
	struct tm parts = { 0 }, today;
	const char *end = strptime(text, "%Y-%m-%d", &parts);
	bool has_date = end, has_clock;
	long offset;

	has_clock = !has_date || *end == 'T' || *end == ' ';
	parts.tm_sec = 0;
	out->tv_nsec = 0;
	if (has_clock)
		end = parse_clock(has_date ? end + 1 : text, &parts,
				  &out->tv_nsec);
	if (!end || !parse_zone(has_clock ? end : "", &is_local, &offset) ||
	    (!has_clock && *end))
		return false;
	if (!has_date) { /* today, in the zone of the time */
		from_time(&today, now->tv_sec + offset, is_local);
		parts.tm_year = today.tm_year;
		parts.tm_mon = today.tm_mon;
		parts.tm_mday = today.tm_mday;
	}
	if (!is_day(&parts))
		return false;
	out->tv_sec = to_time(&parts, is_local) - offset;
	return true;
}

bool
log_time_parse(struct timespec *out, const char *text, bool is_local,
	       const struct timespec *now)
{
	return parse_word(text, out, is_local, now) ||
	       parse_ago(text, out, now) ||
	       parse_full(text, out, is_local, now);
}
