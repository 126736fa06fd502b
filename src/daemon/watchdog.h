/* SPDX-License-Identifier: MIT */
/*
 * watchdog: signs of life, for systemd's watchdog and `systemctl status`.  Main
 * thread; no call blocks on outputs.
 */
#ifndef PORTLOG_DAEMON_WATCHDOG_H
#define PORTLOG_DAEMON_WATCHDOG_H

#include "daemon/listeners.h"

/* Times are on CLOCK_MONOTONIC; LLONG_MAX: never. */
struct watchdog {
	long long watchdog_ms; /* how often to feed it; 0: there is none */
	long long alive_at_ms, status_at_ms;
	char status[128]; /* as sent last */
};

void watchdog_init(struct watchdog *);

/* When watchdog_feed() is to be called at the latest. */
long long watchdog_deadline_ms(const struct watchdog *);

/* Do what is due.  It is fed only while all threads make progress. */
void watchdog_feed(struct watchdog *, struct listeners *);

#endif
