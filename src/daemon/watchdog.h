/* SPDX-License-Identifier: MIT */
/* server_pulse: signs of life, for the watchdog and `systemctl status`. */
#ifndef PORTLOG_DAEMON_WATCHDOG_H
#define PORTLOG_DAEMON_WATCHDOG_H

#include "daemon/listeners.h"

/* Moments are on CLOCK_MONOTONIC; LLONG_MAX: never. */
struct watchdog {
	long long watchdog_ms; /* how often; 0: nobody watches */
	long long alive_at_ms, status_at_ms;
	char status[128]; /* as told last */
};

void watchdog_init(struct watchdog *);

/* When watchdog_feed() is to be called at the latest. */
long long watchdog_deadline_ms(const struct watchdog *);

/* Do what is due: the watchdog is fed only while all threads make progress. */
void watchdog_feed(struct watchdog *, struct listeners *);

#endif
