/* SPDX-License-Identifier: MIT */
/*
 * output: one output of the configuration.  It writes all records that it is
 * passed, in order.  While its sink takes nothing, the writing thread blocks
 * and tries again: no record is dropped, and none is queued in memory.
 *
 * An output is stalled from a write that failed until one succeeds.  It is
 * broken once stdout has lost its reader: it then writes nothing any more, and
 * the records stay counted as waiting.
 */
#ifndef PORTLOG_OUTPUT_OUTPUT_H
#define PORTLOG_OUTPUT_OUTPUT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "output/output_counters.h"
#include "output/sink.h"
#include "record/record.h"

struct output {
	const struct output_config *config; /* borrowed */
	const struct sink_ops *ops;
	struct output_counters counters;
	atomic_uint reopens_requested;
	atomic_uint reopens_done; /* up to which request */
	atomic_bool abandoned;    /* the process is about to give up */
	atomic_bool broken;       /* stdout has lost its reader */
	int broken_fd;            /* an eventfd, rung then; borrowed */
	int wake_fd;           /* an eventfd, rung after a reopen; borrowed */
	pthread_mutex_t queue; /* held by the thread that is next to lock */
	pthread_mutex_t lock;
	/* Under the lock: */
	struct sink sink;
	long long stalled_since_ms; /* CLOCK_MONOTONIC; 0: not stalled */
	long long unnoted_stall_ms; /* of stalls that are over */
};

/*
 * Open the output.  false: stderr has the reason.  The configuration must
 * outlive it.  The descriptors are eventfds: broken_fd is rung when stdout has
 * lost its reader, wake_fd when a file was reopened.  Main thread.
 */
bool output_open(struct output *, const struct output_config *, int wake_fd,
		 int broken_fd);

/* Whether output_emit() takes rendered bytes, not records.  Any thread. */
bool output_is_stream(const struct output *);

/*
 * Begin no more writes, so that the counters that are logged next stay true.
 * The process must end after this: threads in output_emit() do not return.
 * Waits for a write in progress, but only until a time (CLOCK_REALTIME), for
 * the write is most likely stalled.  Main thread.
 */
void output_abandon(struct output *, const struct timespec *until);

/* Count records as waiting, until output_emit() has written them. */
void output_add_waiting(struct output *, size_t count);

/*
 * Write count records, which must be counted as waiting.  To a stream pass them
 * rendered, as that many whole lines in size bytes of data; the records are
 * ignored.  For other outputs data is.  Returns when all are written or the
 * output is broken.  Any thread but the main one: it blocks as long as the
 * output is stalled.
 */
void output_emit(struct output *, const char *data, size_t size,
		 const struct record *, size_t count);

/*
 * Request that a file is opened again by its path, between two lines; other
 * outputs ignore it.  output_reopen() does so, unless another thread holds the
 * lock: then that thread reopens the file.  open(2) may block, so
 * output_reopen() is not for the main thread.
 */
void output_request_reopen(struct output *);
void output_reopen(struct output *);

/* Whether all requests were tried, with success or not.  Any thread. */
bool output_is_reopened(const struct output *);

/*
 * Close the output, which no other thread may use any more.  false: close(2)
 * failed, so that written records may be missing; stderr has the reason.
 */
bool output_close(struct output *);

#endif
