/* SPDX-License-Identifier: MIT */
/*
 * turns: of a listener's threads with large reads, as many read, render and
 * write at a time as there are cores.  With more, all would only wait for the
 * output, each with its read in memory that the cores' caches have no room for.
 * Who waits for a turn waits with its bytes in the kernel.  Any thread.
 */
#ifndef PORTLOG_INPUT_TURNS_H
#define PORTLOG_INPUT_TURNS_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

struct turns {
	sem_t free;
	pthread_mutex_t queue; /* of who waits: see turns_await() */
};

/* At least two: one reads while the other waits for the output. */
void turns_init(struct turns *, unsigned cores);
void turns_destroy(struct turns *);

/* Take a turn, if one is free.  false: none is. */
bool turns_take(struct turns *);

/* Wait for a turn, mostly behind those who wait already, and take it. */
void turns_await(struct turns *);

void turns_end(struct turns *);

#endif
