/* SPDX-License-Identifier: MIT */
/* progress: how far a long command is, on stderr if that is a terminal. */
#ifndef PORTLOG_CLIENT_PROGRESS_H
#define PORTLOG_CLIENT_PROGRESS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct progress {
	atomic_ullong lines, bytes; /* so far: the user's to count */
	atomic_bool is_shown;
	bool is_running;
	long long started_ms;
	int end; /* an eventfd */
	pthread_t thread;
};

/*
 * Show it, after a second and twice a second from then on, whatever the caller
 * waits for meanwhile; but not where stdin is a terminal too, at which somebody
 * may be in the middle of a line.
 */
void progress_start(struct progress *);

/* Take it off the screen for a message; it comes back. */
void progress_hide(struct progress *);

/* Take it off the screen for good. */
void progress_end(struct progress *);

#endif
