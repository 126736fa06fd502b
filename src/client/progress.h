/* SPDX-License-Identifier: MIT */
/*
 * progress: lines and bytes so far, shown on stderr if that is a terminal.  A
 * thread shows them, whatever the command waits for.  All calls are the
 * command's thread's.
 */
#ifndef PORTLOG_CLIENT_PROGRESS_H
#define PORTLOG_CLIENT_PROGRESS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct progress {
	atomic_ullong lines, bytes; /* so far; the caller counts */
	atomic_bool is_shown;
	bool is_running;
	long long started_ms;
	int end; /* an eventfd */
	pthread_t thread;
};

/*
 * Show it after a second, then twice a second.  Does nothing if stdin is a
 * terminal too: the user may be typing a line there.
 */
void progress_start(struct progress *);

/* Erase it before a message; it is shown again afterwards. */
void progress_hide(struct progress *);

/* Erase it and end the thread.  It need not be started. */
void progress_end(struct progress *);

#endif
