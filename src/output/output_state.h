/* SPDX-License-Identifier: MIT */
/*
 * output_state: the fields of one output, for the files that write to it.  The
 * atomic ones are for any thread.
 */
#ifndef PORTLOG_OUTPUT_OUTPUT_STATE_H
#define PORTLOG_OUTPUT_OUTPUT_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/diag.h"
#include "config/config.h"
#include "output/commit.h"
#include "output/output_counters.h"
#include "output/sink.h"

struct output {
	const struct output_config *config; /* borrowed */
	const struct sink_ops *ops;
	struct output_counters counters;
	atomic_uint reopens_requested;
	atomic_uint reopens_done; /* up to which request */
	atomic_uint doubts;       /* syncs that failed: see sync.h */
	atomic_uint *all_doubts;  /* of all outputs and processes; borrowed */
	atomic_bool abandoned;    /* the process is about to give up */
	atomic_bool broken;       /* stdout has lost its reader */
	size_t max_line;          /* bytes of a rendered line; 0: no limit */
	const char *run;          /* of notes; borrowed */
	int broken_fd;            /* an eventfd, rung then; borrowed */
	int wake_fd;           /* an eventfd, rung after a reopen; borrowed */
	struct commit commit;  /* of what is to be on the disk: see sync.h */
	struct sync *sync;     /* owned; NULL: nothing is */
	pthread_mutex_t queue; /* held by the thread that is next to lock */
	pthread_mutex_t lock;
	/* Under the lock: */
	struct sink *sink;   /* that is written to; NULL: none of the files */
	struct sink only;    /* the sink of an output without files */
	struct files *files; /* owned; NULL: its path is no pattern */
	long long unnoted_stall_ms; /* of stalls that are over */
	long long doubtful;         /* of files that are closed: see sink.h */
	struct diag_limit rotate_failed, removed; /* of what is logged */
};

#endif
