/* SPDX-License-Identifier: MIT */
/* server: the life of the daemon, from its sockets to its last record. */
#ifndef PORTLOG_DAEMON_SERVER_H
#define PORTLOG_DAEMON_SERVER_H

#include "config/config.h"

enum server_end {
	SERVER_STOPPED, /* all that was received is written */
	SERVER_FAILED,  /* some is not: stdout has lost its reader */
	/* The same, but threads may still run: end the process at once. */
	SERVER_LEFT,
	SERVER_ABANDONED,
};

/* Have `systemctl status` show the last error: with it no start is possible. */
void server_refuse(void);

/*
 * Receive and write until SIGTERM or SIGINT.  Logs on stderr.  Call it once,
 * from the main thread, after signals_block() and before any other thread is
 * started.  config_name is where the configuration is from; arguments are those
 * of main(), with which a restart starts the next process.
 */
enum server_end server_run(const struct config *, const char *config_name,
			   char *const arguments[]);

#endif
