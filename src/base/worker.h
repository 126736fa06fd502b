/* SPDX-License-Identifier: MIT */
/*
 * worker: a thread for each of many short tasks.  To start one costs more than
 * such a task, so a thread that is done waits a moment for the next one.
 */
#ifndef PORTLOG_BASE_WORKER_H
#define PORTLOG_BASE_WORKER_H

/*
 * Run task(argument) in a detached thread that does nothing else meanwhile: one
 * that waits, or a new one.  Returns 0, ENOMEM, or an error of pthread_create()
 * such as EAGAIN.  Any thread.
 */
int worker_start(void *(*task)(void *), void *argument);

#endif
