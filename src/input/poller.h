/* SPDX-License-Identifier: MIT */
/*
 * poller: one thread of a TCP listener that reads for those of its connections
 * which are busy with small writes, while their own threads sleep: to wake a
 * thread for each line costs more than all else that is done for the line.  It
 * also reads for those that have no thread, and ends them.
 * Where what it writes is to be on the disk before it reads more, there are
 * two, so that one reads while the other waits.
 * After each round the poller pauses, so that more comes together, as network
 * cards moderate their interrupts.  It also writes the listener's summaries of
 * notes, for those who count must not block on outputs.
 */
#ifndef PORTLOG_INPUT_POLLER_H
#define PORTLOG_INPUT_POLLER_H

#include "input/connection.h"
#include "input/note_summary.h"
#include "input/turns.h"

/*
 * The pause after each round: so much later a line may be written, and 50 us
 * more, by which the kernel lets timers be late.  Less costs more: see delay in
 * bench/README.md.
 */
#define POLLER_PAUSE_NS 150000

/*
 * Start the threads for a listener, whose registry and outputs are set.  NULL
 * and errno: there can be none.  They lend the listener its summary, until they
 * are stopped.  Main thread.
 */
struct poller *poller_start(struct listener *);

/*
 * Let the poller read for a connection until that is no longer busy, or has
 * ended: ENDING_NONE, or how.  The connection's thread waits here.
 */
enum ending poller_serve(struct poller *, struct connection *);

/*
 * Let the poller read for a connection that has no thread, and end it.  It gets
 * one, which runs main with it, when it needs a timer for an unfinished record,
 * has large writes, is over its rate, is idle for too long or breaks the
 * framing, and for its end where an output is synced.  At a restart it is
 * handed over.  true: do not touch it any more, it may be gone.  false: the
 * poller does not take it.  Main thread.
 */
bool poller_begin(struct poller *, struct connection *, void *(*main)(void *));

/* The turns of the connections' own threads.  Any thread. */
struct turns *poller_turns(struct poller *);

/*
 * Whether the thread has made a round since this was last asked, or has
 * nothing to do, or waits for an output.  Main thread.
 */
bool poller_is_alive(struct poller *);

/*
 * Let it write all summaries and end; it serves no connection any more.  The
 * registry's left_fd is rung when it has.  finish does not wait, stop waits and
 * frees all.  Main thread.
 */
void poller_finish(struct poller *);
bool poller_is_finished(const struct poller *);
void poller_stop(struct poller *);

/* Log the summaries that were not written, as abandoned.  Main thread. */
void poller_log_unwritten(struct poller *);

#endif
