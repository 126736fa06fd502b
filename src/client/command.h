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

#include "base/address.h"
#include "client/tls.h"

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
 * The options of TLS, for the words of command_option() and for a help.
 */
enum { COMMAND_TLS = 256, COMMAND_CA, COMMAND_CERT, COMMAND_KEY };
#define COMMAND_TLS_WORDS                                                      \
	{ "tls", no_argument, NULL, COMMAND_TLS },                             \
		{ "ca", required_argument, NULL, COMMAND_CA },                 \
		{ "cert", required_argument, NULL, COMMAND_CERT },             \
	{                                                                      \
		"key", required_argument, NULL, COMMAND_KEY                    \
	}
#define COMMAND_TLS_HELP                                                       \
	"  --tls        over TLS, to whom a certificate proves to be HOST\n"   \
	"  --ca FILE    trust the certificates in this file, not the "         \
	"system's\n"                                                           \
	"  --cert FILE  our certificate, for a receiver that asks for one\n"   \
	"  --key FILE   its key\n"

/* Take one of these with its optarg.  false: it is none. */
bool command_take_tls(struct tls_options *, int option);

/* 0; or 64, and logged: they do not fit together. */
int command_check_tls(const char *usage, const struct tls_options *,
		      enum protocol);

/*
 * getopt_long().  words end with { 0 }; NULL: no others than --help for -h.
 */
int command_option(int argc, char **argv, const char *letters,
		   const struct option *words);

#endif
