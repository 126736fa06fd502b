/* SPDX-License-Identifier: MIT */
/*
 * job_question: whether this process is to end for a restart or for a stop.
 * The bus and the next process's check of the configuration may take seconds,
 * so that a thread asks them.  All calls are the main thread's; none blocks,
 * unless the comment says so.
 */
#ifndef PORTLOG_DAEMON_JOB_QUESTION_H
#define PORTLOG_DAEMON_JOB_QUESTION_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "daemon/listeners.h"

enum job_answer {
	JOB_UNKNOWN, /* not yet */
	JOB_STOP,
	JOB_RESTART,
	JOB_RESTART_REFUSED, /* the next process could not start */
};

struct job_question {
	int check_fd;                      /* of restart_check_prepare() */
	const struct listeners *listeners; /* borrowed, and not to change */
	size_t descriptors;                /* that the fd store has to hold */
	int done_fd;       /* an eventfd, rung with the answer; borrowed */
	bool is_again;     /* only whether it is a restart still */
	atomic_int answer; /* enum job_answer */
	pthread_t thread;
	bool is_asked; /* by the thread */
};

/* Start to ask.  It must outlive the answer; then end it. */
void job_question_ask(struct job_question *);
void job_question_end(struct job_question *);

static inline enum job_answer
job_question_answer(const struct job_question *question)
{
	return (enum job_answer)atomic_load(&question->answer);
}

#endif
