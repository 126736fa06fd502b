/* SPDX-License-Identifier: MIT */
/* command: the commands of the companion, portlog. */
#ifndef PORTLOG_CLIENT_COMMAND_H
#define PORTLOG_CLIENT_COMMAND_H

#include <stdbool.h>

/*
 * Each takes the arguments from its own name on, and returns the exit code of
 * the program: 0, 1 where it failed, 64 for a bad command line.
 */
int command_send(int argc, char **argv);
int command_decode(int argc, char **argv);
int command_replay(int argc, char **argv);

/*
 * For their use: what is wrong, NULL where getopt() has told it, then how it is
 * meant; returns 64.
 */
int command_misused(const char *usage, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Seconds, with decimals, up to a fortnight; false if text is none. */
bool command_parse_ms(const char *text, int *ms);

/* Of HOST PORT: 0, or 64 and told where port is neither number nor name. */
int command_check_port(const char *usage, const char *port);

/* As getopt(), which also takes --help for -h. */
int command_option(int argc, char **argv, const char *letters);

#endif
