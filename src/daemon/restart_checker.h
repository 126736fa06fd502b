/* SPDX-License-Identifier: MIT */
/*
 * restart_checker: the process that runs the next start's check.  It is forked
 * before there is data of peers, and before the daemon confines itself so that
 * it can run no program any more.  It has one thread, which blocks.
 */
#ifndef PORTLOG_DAEMON_RESTART_CHECKER_H
#define PORTLOG_DAEMON_RESTART_CHECKER_H

/*
 * The life of that process.  It closes all other descriptors, and says so with
 * a byte.  Each message from the socket that has a descriptor
 * is a listener's name and socket.  One without is the order to run arguments
 * with --test=full and these sockets, which it then closes; the answer is a
 * byte, 1 or 0.  It ends when nobody has the other end any more.
 */
void restart_checker_run(int fd, char *const arguments[])
	__attribute__((noreturn));

#endif
