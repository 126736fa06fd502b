/* SPDX-License-Identifier: MIT */
/*
 * tls_dates: how long what a listener's TLS reads from its files is valid, in
 * words.  All times are of CLOCK_REALTIME.  Pure.
 */
#ifndef PORTLOG_INPUT_TLS_DATES_H
#define PORTLOG_INPUT_TLS_DATES_H

#include <stdbool.h>
#include <time.h>

struct tls_dates {
	time_t valid_from, valid_until; /* of the certificate and its chain */
	time_t revoked_until; /* of the list of those revoked; 0: none */
};

/* The size of a text with its NUL. */
#define TLS_DATES_TEXT 128

/*
 * "certificate valid until 2027-01-31".  true: it is a warning, since it is not
 * valid now, or will not be in two weeks.
 */
bool tls_dates_describe(const struct tls_dates *, time_t now,
			char text[TLS_DATES_TEXT]);

/* The same of the list of those revoked.  false: it is right, or there is none.
 */
bool tls_dates_describe_revoked(const struct tls_dates *, time_t now,
				char text[TLS_DATES_TEXT]);

#endif
