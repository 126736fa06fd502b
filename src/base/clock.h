/* SPDX-License-Identifier: MIT */
/* clock: the time that only goes forward. */
#ifndef PORTLOG_BASE_CLOCK_H
#define PORTLOG_BASE_CLOCK_H

/* Milliseconds on CLOCK_MONOTONIC. */
long long clock_now_ms(void);

#endif
