/* SPDX-License-Identifier: MIT */
/*
 * status_request: one client of the status socket: its line is read and lines
 * are written to it, each within a time limit, so that it keeps no thread for
 * long.  All calls are the request's thread's.
 */
#ifndef PORTLOG_DAEMON_STATUS_REQUEST_H
#define PORTLOG_DAEMON_STATUS_REQUEST_H

#include <stdbool.h>

#include "base/json_line.h"

/* The longest line that is read, with a NUL. */
#define STATUS_REQUEST_LINE 64

struct status_request {
	int fd;             /* non-blocking; owned */
	bool failed;        /* the client takes nothing more */
	long long until_ms; /* on CLOCK_MONOTONIC: to take all of the answer */
	struct json_line line;
	char buffer[2 * JSON_LINE];
};

/* NULL: no memory, and fd is closed. */
struct status_request *status_request_new(int fd);

/* Close it and free all.  What was not written is not sent. */
void status_request_free(struct status_request *);

/*
 * Read a line, of which the LF or CR LF is removed.  false: there came none in
 * time, or a longer one.  Blocks for a second at the most.
 */
bool status_request_read(struct status_request *,
			 char line[STATUS_REQUEST_LINE]);

/*
 * Write what is rendered if there is no room for one more line, or if `all`.
 * Blocks until the client takes it or its time is over: hold no lock.
 */
void status_request_write(struct status_request *, bool all);

#endif
