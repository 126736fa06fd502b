/* SPDX-License-Identifier: MIT */
/*
 * service: the systemd that this runs under, where it does: what it is told
 * (sd_notify(3)), what it has passed and what it keeps while we restart
 * (sd_listen_fds(3), its descriptor store).  Elsewhere nothing of it happens.
 */
#ifndef PORTLOG_SYSTEM_NOTIFY_H
#define PORTLOG_SYSTEM_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>

/* Room for the name of a descriptor and a NUL; systemd takes no longer one. */
#define SERVICE_NAME 256

/* All listeners are bound and all outputs open; or the daemon is to end. */
void service_ready(void);
void service_stopping(void);

/* Outputs are opened anew; service_ready() says when they are. */
void service_reloading(void);

/* What `systemctl status` shows. */
void service_status(const char *text);

/* How often at the least service_alive() is to be called; 0: need not be. */
long long service_watchdog_ms(void);
void service_alive(void);

/*
 * What was passed to this process: their number, the descriptors from *first
 * on, and a name for each.  The names are the caller's, to be freed one by one
 * and as a whole.  To be called once.
 */
size_t service_passed(int *first, char ***names);

/* Whether there is somebody to keep descriptors. */
bool service_keeps(void);

/*
 * Have a descriptor kept, so that it lives on if we do not and is passed to
 * the next process; or no more.  Names are printable ASCII without a colon,
 * see service_name().
 */
void service_keep(int fd, const char *name);
void service_drop(const char *name);

/* Wait until all that was said has been heard: a dead sender's is not. */
void service_flush(void);

/* Any text as a name: what none may hold is replaced. */
void service_name(char out[SERVICE_NAME], const char *text);

/*
 * Whether this unit is being restarted, not stopped, and that many descriptors
 * can be kept meanwhile: both begin with SIGTERM.  false where nobody can
 * tell.  Takes a few milliseconds, and four seconds at the most.
 */
bool service_restarts(size_t descriptors);

#endif
