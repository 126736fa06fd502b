/* SPDX-License-Identifier: MIT */
/*
 * output: one output of the configuration.  It writes all records that it is
 * passed, in order.  While its sink takes nothing, the writing thread blocks
 * and tries again: no record is dropped, and none is queued in memory.
 *
 * An output is stalled from a write that failed until one succeeds.  It is
 * broken once it has lost its reader and no other can come: it then writes
 * nothing any more, and the records stay counted as waiting.
 *
 * A file is looked at while it is written to.  Where its path leads to another
 * file, or to none, that is opened between two lines.  A line that stalled in
 * the old file is begun again in the new one.
 */
#ifndef PORTLOG_OUTPUT_OUTPUT_H
#define PORTLOG_OUTPUT_OUTPUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "output/output_state.h"
#include "output/render.h"
#include "record/record.h"

/*
 * Open the output.  false: stderr has the reason.  The configuration must
 * outlive it.  The descriptors are eventfds: broken_fd is rung when stdout has
 * lost its reader, wake_fd when a file was reopened.  Main thread.
 */
bool output_open(struct output *, const struct output_config *, int wake_fd,
		 int broken_fd);

/*
 * Start its thread, if it has one.  These two are of the state, and borrowed:
 * run is for notes, and all_doubts counts syncs that failed.  false: as
 * output_open().  Main thread.
 */
bool output_start(struct output *, const char *run, atomic_uint *all_doubts);

/*
 * Open the output in the same way and close it again; its file stays as it is,
 * or absent.  false: stderr has the reason.  Any thread; may block in open(2).
 */
bool output_try(const struct output_config *);

/* Whether it takes output_emit(), not output_send().  Any thread. */
bool output_is_stream(const struct output *);

/*
 * Begin no more writes, so that the counters that are logged next stay true.
 * The process must end after this: threads in output_emit() do not return.
 * Waits for a write in progress, but only until a time (CLOCK_REALTIME), for
 * the write is most likely stalled.  Main thread.
 */
void output_abandon(struct output *, const struct timespec *until);

/* Count records as waiting, until they are written. */
void output_add_waiting(struct output *, size_t count);

/*
 * Write what is counted as waiting: lines to a stream, records to another
 * output.  Returns when all are written or the output is broken; emit returns
 * output->doubts from just before.  Any thread but the main one: it blocks as
 * long as the output is stalled.
 */
unsigned output_emit(struct output *, const struct rendered *);
void output_send(struct output *, const struct record *, size_t count);

/*
 * Wait until all that was written before is safe: on the disk, if the output
 * has that setting.  Returns output->doubts then: if it is not what it was
 * before, that is in doubt, and to be written again.  As output_emit(); and
 * whether a thread waits so.
 */
unsigned output_settle(struct output *);
bool output_is_settling(struct output *);

/*
 * Request that a file is opened again by its path, between two lines; other
 * outputs ignore it.  output_reopen() does so, unless another thread holds the
 * lock: then that thread reopens the file.  open(2) may block, so
 * output_reopen() is not for the main thread.
 */
void output_request_reopen(struct output *);
void output_reopen(struct output *);

/*
 * Find out whether stdout has lost its terminal, which only a write would tell
 * otherwise.  Any thread.
 */
void output_check_reader(struct output *);

/* Whether all requests were tried, with success or not.  Any thread. */
bool output_is_reopened(const struct output *);

/*
 * Close the output, which no other thread may use any more.  false: close(2)
 * failed, so that written records may be missing; stderr has the reason.
 */
bool output_close(struct output *);

#endif
