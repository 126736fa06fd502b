/* SPDX-License-Identifier: MIT */
/* server_pulse: signs of life, for the watchdog and `systemctl status`. */
#ifndef PORTLOG_DAEMON_WATCHDOG_H
#define PORTLOG_DAEMON_WATCHDOG_H

#include "daemon/listeners.h"

/* Moments are on CLOCK_MONOTONIC; LLONG_MAX: never. */
struct pulse {
	long long watchdog_ms; /* how often; 0: nobody watches */
	long long alive_at_ms, status_at_ms;
	char status[128]; /* as told last */
};

void pulse_init(struct pulse *);

/* When pulse_beat() is to be called at the latest. */
long long pulse_due_ms(const struct pulse *);

/* Do what is due: the watchdog is fed only while all threads make progress. */
void pulse_beat(struct pulse *, struct ports *);

#endif
