/* SPDX-License-Identifier: MIT */
/*
 * gate: a mutex whose waiting threads come in turn.  The main thread holds it
 * while it works, and leaves it while it waits in poll(2); then others may look
 * at all that is its own.
 *
 * They look for some microseconds, and neither wait nor write meanwhile.  At
 * the end the main thread enters for good: whoever comes then waits for the
 * end of the process, and sees nothing that is freed.  So a gate is never freed
 * either.
 */
#ifndef PORTLOG_DAEMON_GATE_H
#define PORTLOG_DAEMON_GATE_H

#include <pthread.h>

struct gate {
	pthread_mutex_t queue; /* held by the thread that is next to lock */
	pthread_mutex_t lock;
};

/* It is open; the caller is not in it. */
void gate_init(struct gate *);

/* Any thread; blocks as long as others are in it. */
void gate_enter(struct gate *);
void gate_leave(struct gate *);

#endif
