/* SPDX-License-Identifier: MIT */
/* restart_check: whether the process after this one would start. */
#ifndef PORTLOG_DAEMON_RESTART_CHECK_H
#define PORTLOG_DAEMON_RESTART_CHECK_H

#include <stdbool.h>

#include "daemon/listeners.h"

/*
 * Start the process that will run the check, see restart_checker.h: before
 * there is a thread or a peer's data.  Returns its socket, or -1.
 */
int restart_check_prepare(char *const arguments[]);

/*
 * Have it run this program, by its name, with the same arguments and
 * --test=full, with our stderr and with the sockets of the listeners, as
 * systemd will pass them to the next process.  false: its exit code is not 0,
 * or it has none: it cannot be run, a signal ends it, or it runs for more than
 * 5 seconds; stderr has the reason.  Any thread, while the listeners do not
 * change; blocks for up to 6 seconds.
 */
bool restart_check(int fd, const struct listeners *);

#endif
