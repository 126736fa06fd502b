/* SPDX-License-Identifier: MIT */
/*
 * signals: SIGTERM, SIGINT, SIGHUP and SIGUSR1, which the daemon reads from a
 * descriptor.  Main thread, before there are others.
 */
#ifndef PORTLOG_DAEMON_SIGNALS_H
#define PORTLOG_DAEMON_SIGNALS_H

/*
 * Block them, so that one that comes early waits for signals_open(); or let
 * them end a process that does not serve.
 */
void signals_block(void);
void signals_unblock(void);

/*
 * Ignore signals that would end the process for an output's fault, and open a
 * signalfd(2) for those that are blocked.  Returns -1 and errno on failure.
 */
int signals_open(void);

#endif
