/* SPDX-License-Identifier: MIT */
#include "daemon/gate.h"

void
gate_init(struct gate *gate)
{
	pthread_mutex_init(&gate->queue, NULL);
	pthread_mutex_init(&gate->lock, NULL);
}

/*
 * A thread that has just unlocked a mutex can lock it again before one that
 * waits wakes up: the main thread would, when many peers connect.  So it waits
 * behind the thread that is next, which holds the queue until it has the lock.
 */
void
gate_enter(struct gate *gate)
{
	pthread_mutex_lock(&gate->queue);
	pthread_mutex_lock(&gate->lock);
	pthread_mutex_unlock(&gate->queue);
}

void
gate_leave(struct gate *gate)
{
	pthread_mutex_unlock(&gate->lock);
}
