/* SPDX-License-Identifier: MIT */
/* thread: threads with a small stack, so that ten thousand of them are cheap.
 */
#ifndef PORTLOG_BASE_THREAD_H
#define PORTLOG_BASE_THREAD_H

#include <pthread.h>

/*
 * Start main(argument), to be joined, or detached where thread is NULL.
 * Returns 0, or what pthread_create() says: EAGAIN where there can be no more.
 */
int thread_start(pthread_t *thread, void *(*main)(void *), void *argument);

#endif
