/* SPDX-License-Identifier: MIT */
/*
 * client/: the companion, portlog.  It sends to a port, and reads the logs that
 * portlogd writes; it shares no state with the daemon.
 *
 * command: its commands, a function each.  Main thread.
 */
#ifndef PORTLOG_CLIENT_COMMAND_H
#define PORTLOG_CLIENT_COMMAND_H

#include <getopt.h>
#include <stdbool.h>

/*
 * Each takes the arguments from its own name on, and returns the exit code of
 * the program: 0, 1 if it failed and logged why, 64 for a bad command line.
 */
int command_check(int argc, char **argv);
int command_send(int argc, char **argv);
int command_decode(int argc, char **argv);
int command_replay(int argc, char **argv);
int command_tail(int argc, char **argv);
int command_top(int argc, char **argv);
int command_status(int argc, char **argv);
int command_who(int argc, char **argv);
int command_metrics(int argc, char **argv);

/*
 * For the commands alone.  Parse seconds, with decimals, up to a fortnight, to
 * milliseconds.  false: text is none.
 */
bool command_parse_ms(const char *text, int *ms);

/* 0; or 64, and logged: port is neither a number nor a name. */
int command_check_port(const char *usage, const char *port);

/*
 * getopt_long().  words end with { 0 }; NULL: no others than --help for -h.
 */
int command_option(int argc, char **argv, const char *letters,
		   const struct option *words);

#endif
