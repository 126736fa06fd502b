/* SPDX-License-Identifier: MIT */
/*
 * notify: what this service sends to systemd (sd_notify(3)).  Elsewhere, and
 * without libsystemd, the calls do nothing.  Main thread; they block only while
 * systemd's socket is full.
 */
#ifndef PORTLOG_SYSTEM_NOTIFY_H
#define PORTLOG_SYSTEM_NOTIFY_H

/* All listeners are bound and all outputs open; or the daemon is to end. */
void notify_ready(void);
void notify_stopping(void);

/* Outputs are being reopened, until notify_ready(). */
void notify_reloading(void);

/* The text that `systemctl status` shows. */
void notify_status(const char *text);

/* Feed the watchdog; how often at least, in ms; 0: there is none. */
void notify_watchdog(void);
long long notify_watchdog_ms(void);

#endif
