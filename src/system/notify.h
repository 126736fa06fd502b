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
#define FDSTORE_NAME 256

/* All listeners are bound and all outputs open; or the daemon is to end. */
void notify_ready(void);
void notify_stopping(void);

/* Outputs are opened anew; notify_ready() says when they are. */
void notify_reloading(void);

/* What `systemctl status` shows. */
void notify_status(const char *text);

/* How often at the least notify_watchdog() is to be called; 0: need not be. */
long long notify_watchdog_ms(void);
void notify_watchdog(void);

/*
 * What was passed to this process: their number, the descriptors from *first
 * on, and a name for each.  The names are the caller's, to be freed one by one
 * and as a whole.  To be called once.
 */
size_t fdstore_listen_fds(int *first, char ***names);

/* Whether there is somebody to keep descriptors. */
bool fdstore_available(void);

/*
 * Have a descriptor kept, so that it lives on if we do not and is passed to
 * the next process; or no more.  Names are printable ASCII without a colon,
 * see fdstore_name().
 */
void fdstore_add(int fd, const char *name);
void fdstore_remove(const char *name);

/* Wait until all that was said has been heard: a dead sender's is not. */
void fdstore_barrier(void);

/* Any text as a name: what none may hold is replaced. */
void fdstore_name(char out[FDSTORE_NAME], const char *text);

/*
 * Whether this unit is being restarted, not stopped, and that many descriptors
 * can be kept meanwhile: both begin with SIGTERM.  false where nobody can
 * tell.  Takes a few milliseconds, and four seconds at the most.
 */
bool job_is_restart(size_t descriptors);

#endif
