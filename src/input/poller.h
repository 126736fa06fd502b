/* SPDX-License-Identifier: MIT */
/*
 * connection_crowd: one thread that reads for all those connections of a
 * listener that are busy in small writes, while their own threads sleep.  To
 * wake a thread for each line costs more than all else that is done for it.
 * One that looks after many, and after each look lets more come together for a
 * while, as network cards moderate their interrupts, takes a fraction of that.
 */
#ifndef PORTLOG_INPUT_POLLER_H
#define PORTLOG_INPUT_POLLER_H

#include "input/connection_io.h"

/* How long what arrives is kept waiting at the most, but for the work itself.
 */
#define POLLER_PAUSE_NS 250000

/* Start the thread; the register is borrowed.  NULL and errno: there is none.
 */
struct poller *poller_start(struct registry *);

/*
 * Have it read for a connection until that is busy no more, or has ended:
 * ENDING_NONE, or how.  Its own thread waits here.
 */
enum ending poller_serve(struct poller *, struct connection *);

/*
 * A thread out of the crowd is about to read, and has done so.  false: there
 * are as many at work as there are cores, and one more would have to join.
 */
bool poller_begin_read(struct poller *);
void poller_end_read(struct poller *);

/* Count a read of the listener's: how many there were, from all of its peers.
 */
unsigned long poller_count_read(struct poller *);

/* Whether the thread has done anything since this was asked last, or waits. */
bool poller_is_alive(struct poller *, struct output_set *);

/* Nobody is in it any more: end the thread and free all. */
void poller_stop(struct poller *);

#endif
