/* SPDX-License-Identifier: MIT */
/*
 * commit: threads wait until what they have done is safe.  One of them makes it
 * safe for all of them (group commit), while the others go on: whoever comes in
 * the middle of a turn waits for the next one, which another turn's end begins.
 * What an act makes safe, how, and whether it did, is the caller's.  Any
 * thread.
 */
#ifndef PORTLOG_OUTPUT_COMMIT_H
#define PORTLOG_OUTPUT_COMMIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct waiter;

struct commit {
	unsigned (*act)(void *context);
	void *context; /* borrowed */
	pthread_mutex_t lock;
	pthread_cond_t ended; /* a turn has ended */
	/* Under the lock: */
	unsigned long long begun; /* turns, of which one may go on */
	bool is_acting;
	struct waiter *waiters; /* threads */
	size_t waiting;         /* how many these are */
};

/*
 * act makes safe what was done before it was called.  It is called without a
 * lock, by one thread at a time, and may block.
 */
void commit_init(struct commit *, unsigned (*act)(void *context),
		 void *context);
void commit_destroy(struct commit *);

/*
 * Wait for an act that begins from now on; returns what it has returned.
 * Blocks as long as two acts do.
 */
unsigned commit_wait(struct commit *);

/* How many threads wait. */
size_t commit_waiting(struct commit *);

#endif
