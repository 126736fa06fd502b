/* SPDX-License-Identifier: MIT */
/*
 * output: one output, and how it waits.  What it is given it takes whole and
 * in order, however long its sink makes it wait: the caller is held back, so
 * that nothing is dropped and nothing piles up.
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
	const struct output_config *config;
	const struct sink_ops *ops;
	struct output_counters counters;
	atomic_uint reopen;    /* how often that was asked for */
	atomic_uint reopened;  /* and up to which it is done */
	atomic_bool abandoned; /* nobody is to write any more */
	atomic_bool broken;    /* its reader is gone for good */
	int broken_fd;         /* an eventfd, rung then; borrowed */
	int wake_fd; /* an eventfd, rung after a reopening; borrowed */
	pthread_mutex_t queue; /* whoever is next for the lock has it */
	pthread_mutex_t lock;
	/* Under the lock: */
	struct sink sink;
	long long stalled_since_ms; /* 0: it works */
	long long stall_ms;         /* one that is over and not yet noted */
};

/*
 * Open it; false: it cannot be, and stderr was told why.  broken_fd is an
 * eventfd, rung when stdout has lost its reader.
 */
bool output_open(struct output *, const struct output_config *, int wake_fd,
		 int broken_fd);

/* Whether it takes rendered bytes, not records. */
bool output_is_stream(const struct output *);

/*
 * Let nobody write any more, so that what is told of it stays true until the
 * process ends, which is all that may follow.  Waits for a write that goes on,
 * but not longer than until (CLOCK_REALTIME): it stands still, most likely.
 */
void output_abandon(struct output *, const struct timespec *until);

/* Count records as handed over, until output_emit() has taken them. */
void output_announce(struct output *, size_t count);

/*
 * Take count records: of a stream their rendered bytes, whole lines, count.
 * Returns when all are written.  Any thread may call it.
 */
void output_emit(struct output *, const char *data, size_t size,
		 const struct record *, size_t count);

/*
 * Ask for a file to be opened anew, by its path, as soon as it is between two
 * lines.  Whoever writes does it then; so does output_reopen(), unless another
 * is at it.  To open a file may take long.
 */
void output_ask_reopen(struct output *);
void output_reopen(struct output *);

/* Whether that is done, or was found to be impossible. */
bool output_is_reopened(const struct output *);

/*
 * No other thread may use it any more.  false: what was written may not be
 * there after all, and stderr was told.
 */
bool output_close(struct output *);

#endif
