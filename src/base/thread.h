/* SPDX-License-Identifier: MIT */
/* thread: threads with small stacks, for ten thousand of them.  Any thread. */
#ifndef PORTLOG_BASE_THREAD_H
#define PORTLOG_BASE_THREAD_H

#include <pthread.h>
#include <stddef.h>

/* The bytes of each stack. */
size_t thread_stack_size(void);

/*
 * So many threads may wait for semaphores: let the kernel find each fast, if it
 * can be asked.
 */
void thread_expect(size_t count);

/*
 * Start main(argument) in a thread, for the caller to join; thread NULL: in a
 * detached one.  Returns 0 or an error of pthread_create(), such as EAGAIN.
 */
int thread_start(pthread_t *thread, void *(*main)(void *), void *argument);

/*
 * Name the calling thread, for "top -H" and others: what it does and for whom,
 * such as "poll tcp/8888".  The kernel takes 15 bytes.
 */
void thread_name(const char *work, const char *whom);

#endif
