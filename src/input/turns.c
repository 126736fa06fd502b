/* SPDX-License-Identifier: MIT */
#include "input/turns.h"

void
turns_init(struct turns *turns, unsigned cores)
{
	sem_init(&turns->free, 0, cores > 2 ? cores : 2);
	pthread_mutex_init(&turns->queue, NULL);
}

void
turns_destroy(struct turns *turns)
{
	pthread_mutex_destroy(&turns->queue);
	sem_destroy(&turns->free);
}

bool
turns_take(struct turns *turns)
{
	return sem_trywait(&turns->free) == 0;
}

/*
 * The next one holds the queue until it has its turn.  So who has just ended
 * one waits behind it, and cannot take that again before anybody has woken up.
 */
void
turns_await(struct turns *turns)
{
	pthread_mutex_lock(&turns->queue);
	while (sem_wait(&turns->free) != 0)
		; /* a signal */
	pthread_mutex_unlock(&turns->queue);
}

void
turns_end(struct turns *turns)
{
	sem_post(&turns->free);
}
