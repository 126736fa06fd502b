/* SPDX-License-Identifier: MIT */
/* service: what systemd is told, where it listens (sd_notify(3)). */
#ifndef PORTLOG_SERVICE_H
#define PORTLOG_SERVICE_H

/* All listeners are bound and all outputs open; or the daemon is to end. */
void service_ready(void);
void service_stopping(void);

#endif
