/* SPDX-License-Identifier: MIT */
/* clock: time that is never set back.  Any thread. */
#ifndef PORTLOG_BASE_CLOCK_H
#define PORTLOG_BASE_CLOCK_H

/* Milliseconds on CLOCK_MONOTONIC. */
long long clock_now_ms(void);

/* Sleep so long, or until a signal is handled. */
void clock_sleep_ms(unsigned ms);

#endif
