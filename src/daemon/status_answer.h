/* SPDX-License-Identifier: MIT */
/*
 * status_answer: what the status socket answers.  It changes nothing, not even
 * a counter.  Keys are only ever added; a changed meaning is a new format.
 */
#ifndef PORTLOG_DAEMON_STATUS_ANSWER_H
#define PORTLOG_DAEMON_STATUS_ANSWER_H

#include <time.h>

#include "daemon/gate.h"
#include "daemon/listeners.h"
#include "daemon/status_request.h"

/* What is looked at; all of it is borrowed, and looked at inside the gate. */
struct status_view {
	struct gate *gate;
	struct listeners *listeners;
	const char *config_name; /* a path, or "command line" */
	struct timespec started;
	long long started_ms;  /* on CLOCK_MONOTONIC */
	long long watchdog_ms; /* 0: there is none */
};

/*
 * Answer one line.  Any thread but the main one: it blocks as long as the
 * client may take, outside the gate.
 */
void status_answer(const struct status_view *, struct status_request *,
		   const char *line);

#endif
