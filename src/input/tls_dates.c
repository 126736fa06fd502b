/* SPDX-License-Identifier: MIT */
#include "input/tls_dates.h"

#include <stdio.h>

#define DAY_S 86400
#define WARNING_DAYS 14

/* "2027-01-31", as certificates have their times: in UTC. */
static void
format_day(char text[16], time_t time)
{
	struct tm tm = { 0 };

	gmtime_r(&time, &tm);
	strftime(text, 16, "%Y-%m-%d", &tm);
}

bool
tls_dates_describe(const struct tls_dates *dates, time_t now,
		   char text[TLS_DATES_TEXT])
{
	long long days = (dates->valid_until - now) / DAY_S;
	char from[16], until[16];

	format_day(from, dates->valid_from);
	format_day(until, dates->valid_until);
	if (now < dates->valid_from)
		snprintf(text, TLS_DATES_TEXT,
			 "certificate not valid before %s", from);
	else if (now > dates->valid_until)
		snprintf(text, TLS_DATES_TEXT, "certificate expired on %s",
			 until);
	else if (days <= WARNING_DAYS)
		snprintf(text, TLS_DATES_TEXT,
			 "certificate expires on %s, in %lld day%s", until,
			 days, days == 1 ? "" : "s");
	else
		snprintf(text, TLS_DATES_TEXT, "certificate valid until %s",
			 until);
	return now < dates->valid_from || days <= WARNING_DAYS;
}

bool
tls_dates_describe_revoked(const struct tls_dates *dates, time_t now,
			   char text[TLS_DATES_TEXT])
{
	char until[16];

	if (dates->revoked_until == 0 || now <= dates->revoked_until)
		return false;
	format_day(until, dates->revoked_until);
	snprintf(text, TLS_DATES_TEXT,
		 "list of revoked certificates out of date since %s: whom it "
		 "is about is refused",
		 until);
	return true;
}
