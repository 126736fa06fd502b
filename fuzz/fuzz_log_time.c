/* SPDX-License-Identifier: MIT */
/*
 * fuzz_log_time: the first byte is whether the time is this host's, the next
 * five say when it is now, in seconds; then comes a time as people write it.
 * A second parser, which counts days itself, takes and refuses the same.
 */
#include "client/log_time.h"

#include <time.h>

#include "fuzz.h"

#define HEAD 6
#define ZONE "EAST-5:30" /* without summer time */
#define EAST_S (5 * 3600L + 30 * 60)
#define DAY_S 86400L

/* What is left of the text, and the time that is read from it. */
struct reader {
	const char *at;
	long zone_s; /* east of UTC */
	long long s;
	long ns;
};

/* Days since 1970-01-01, counted from 0000-03-01. */
static long long
days_before(long year, long month, long day)
{
	long y = month > 2 ? year : year - 1, m = (month + 9) % 12;

	return 365LL * y + (y >= 0 ? y / 4 - y / 100 + y / 400 : -1) +
	       (m * 306 + 5) / 10 + day - 1 - 719468;
}

static bool
skip(struct reader *r, const char *text)
{
	size_t size = strlen(text);

	if (strncmp(r->at, text, size) != 0)
		return false;
	r->at += size;
	return true;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* As strptime(3) has it: spaces, and no digit that would be beyond `last`. */
static bool
number(struct reader *r, int digits, long first, long last, long *n)
{
	while (strchr(" \t\n\v\f\r", *r->at) && *r->at)
		r->at++;
	if (!is_digit(*r->at))
		return false;
	*n = *r->at++ - '0';
	while (--digits > 0 && is_digit(*r->at) && *n * 10 <= last)
		*n = *n * 10 + *r->at++ - '0';
	return *n >= first && *n <= last;
}

static long long
floor_day(long long s)
{
	long long rest = s % DAY_S;

	return s - (rest < 0 ? rest + DAY_S : rest);
}

static bool
date(struct reader *r)
{
	static const int lengths[] = { 31, 29, 31, 30, 31, 30,
				       31, 31, 30, 31, 30, 31 };
	long year, month, day;

	if (!number(r, 4, 0, 9999, &year) || !skip(r, "-") ||
	    !number(r, 2, 1, 12, &month) || !skip(r, "-") ||
	    !number(r, 2, 1, 31, &day) || day > lengths[month - 1] ||
	    (month == 2 && day == 29 &&
	     (year % 4 != 0 || (year % 100 == 0 && year % 400 != 0))))
		return false;
	r->s = days_before(year, month, day) * DAY_S;
	return true;
}

static bool
clock_time(struct reader *r, long *s)
{
	long hour, minute, second = 0, place = 100000000;

	if (!number(r, 2, 0, 23, &hour) || !skip(r, ":") ||
	    !number(r, 2, 0, 59, &minute))
		return false;
	if (skip(r, ":")) {
		if (!number(r, 2, 0, 61, &second))
			return false;
		if (skip(r, "."))
			for (; is_digit(*r->at); place /= 10)
				r->ns += (*r->at++ - '0') * place;
	}
	*s = hour * 3600 + minute * 60 + second;
	return true;
}

static bool
zone(struct reader *r)
{
	const char *z = r->at;
	bool is_west = *z == '-';
	int hours, minutes, size = 0;

	if (!*z)
		return true;
	r->zone_s = 0;
	if (strcmp(z, "Z") == 0)
		return true;
	if ((*z != '+' && !is_west) || !is_digit(z[1]) ||
	    sscanf(z + 1, "%2d:%n", &hours, &size) != 1 || size == 0 ||
	    !is_digit(z[1 + size]))
		return false;
	z += 1 + size;
	minutes = *z++ - '0';
	if (is_digit(*z))
		minutes = minutes * 10 + *z++ - '0';
	r->zone_s = (hours * 60L + minutes) * (is_west ? -60 : 60);
	return !*z && hours < 24 && minutes < 60;
}

static bool
full(struct reader *r, long long now_s)
{
	const char *begin = r->at;
	bool has_date = date(r);
	long s = 0;

	if (has_date && !*r->at) {
		r->s -= r->zone_s;
		return true;
	}
	if (has_date && !skip(r, "T") && !skip(r, " "))
		return false;
	if (!has_date)
		r->at = begin;
	if (!clock_time(r, &s) || !zone(r))
		return false;
	if (!has_date)
		r->s = floor_day(now_s + r->zone_s);
	r->s += s - r->zone_s;
	return true;
}

static bool
ago(struct reader *r, long long now_s)
{
	static const struct {
		char unit;
		long s;
	} units[] = { { 's', 1 },
		      { 'm', 60 },
		      { 'h', 3600 },
		      { 'd', DAY_S },
		      { 'w', 7 * DAY_S } };

	r->s = now_s;
	skip(r, "-");
	do {
		size_t digits = strspn(r->at, "0123456789"), unit = 0;
		long n = atol(r->at);

		if (digits == 0 || digits > 6)
			return false;
		r->at += digits;
		while (unit < 5 && units[unit].unit != *r->at)
			unit++;
		if (unit == 5)
			return false;
		r->at++;
		r->s -= n * units[unit].s;
	} while (*r->at && strcmp(r->at, " ago") != 0);
	return true;
}

static bool
read_time(struct reader *r, const char *text, const struct timespec *now)
{
	const struct reader begin = { .at = text, .zone_s = r->zone_s };
	long long midnight = floor_day(now->tv_sec + r->zone_s) - r->zone_s;

	*r = begin;
	r->s = midnight - (strcmp(text, "yesterday") == 0 ? DAY_S : 0);
	if (strcmp(text, "yesterday") == 0 || strcmp(text, "today") == 0)
		return true;
	r->ns = now->tv_nsec;
	r->s = now->tv_sec;
	if (strcmp(text, "now") == 0 || ago(r, now->tv_sec))
		return true;
	*r = begin;
	return full(r, now->tv_sec);
}

int
fuzz_log_time(const uint8_t *data, size_t size)
{
	struct timespec now = { .tv_nsec = 123456789 }, out;
	struct reader expected = { 0 };
	char *text;
	bool is_local;

	if (size < HEAD)
		return 0;
	is_local = data[0] & 1;
	for (int i = 1; i < HEAD; i++)
		now.tv_sec = now.tv_sec << 8 | data[i];
	now.tv_sec %= 400LL * 366 * DAY_S; /* a year of four digits */
	setenv("TZ", ZONE, 1);
	tzset();
	text = fuzz_memory(size - HEAD + 1);
	memcpy(text, data + HEAD, size - HEAD);
	text[size - HEAD] = '\0';
	expected.zone_s = is_local ? EAST_S : 0;
	if (read_time(&expected, text, &now)) {
		REQUIRE(log_time_parse(&out, text, is_local, &now));
		REQUIRE(out.tv_sec == expected.s);
		REQUIRE(out.tv_nsec == expected.ns);
	} else {
		REQUIRE(!log_time_parse(&out, text, is_local, &now));
	}
	free(text);
	return 0;
}
