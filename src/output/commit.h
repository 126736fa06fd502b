/* SPDX-License-Identifier: MIT */
/*
 * commit: threads wait until what they have done is safe.  One of them makes it
 * safe for all of them (group commit), while the others go on: whoever comes in
 * the middle of a turn waits for the next one, which another turn's end begins.
 * What an act makes safe, and how, is the caller's.  Any thread.
 */
#ifndef PORTLOG_OUTPUT_COMMIT_H
#define PORTLOG_OUTPUT_COMMIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct commit {
	bool (*act)(void *context);
	void *context; /* borrowed */
	pthread_mutex_t lock;
	pthread_cond_t ended; /* a turn has ended */
	/* Under the lock: */
	unsigned long long begun;  /* turns, of which one may go on */
	unsigned long long failed; /* the last one that failed; 0: none */
	bool is_acting;
	size_t waiting; /* threads */
};

/*
 * act makes safe what was done before it was called; false: that is in doubt.
 * It is called without a lock, by one thread at a time, and may block.
 */
void commit_init(struct commit *, bool (*act)(void *context), void *context);
void commit_destroy(struct commit *);

/*
 * Wait for an act that begins from now on.  false: what the caller has done is
 * in doubt.  Blocks as long as two acts do.
 */
bool commit_wait(struct commit *);

/* Whoever waits, and whose turn is the next, is in doubt.  Does not block. */
void commit_doubt(struct commit *);

/* How many threads wait. */
size_t commit_waiting(struct commit *);

#endif
