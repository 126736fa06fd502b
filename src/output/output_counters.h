/* SPDX-License-Identifier: MIT */
/*
 * output_counters: how much an output has written, and how long it stalled.
 * The fields are atomic: any thread may read and add.  No call blocks.
 */
#ifndef PORTLOG_OUTPUT_OUTPUT_COUNTERS_H
#define PORTLOG_OUTPUT_OUTPUT_COUNTERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct output_counters {
	atomic_ullong records;    /* written */
	atomic_ullong bytes;      /* written */
	atomic_ullong errors;     /* the beginnings of stalls */
	atomic_ullong stalled_ms; /* of stalls that are over */
	atomic_ullong waiting;    /* records to be written */
	atomic_ullong rotations;  /* its path was opened as another file */
	atomic_bool is_replaced;  /* its path could not be opened again */
	/* These on CLOCK_MONOTONIC: */
	atomic_llong busy_since_ms;    /* 0: no write goes on */
	atomic_llong stalled_since_ms; /* a write that failed; 0: none */
	atomic_llong written_at_ms;    /* the last write's end; 0: none */
	/* Of that stall: "ENOSPC", "keep_free"; a constant. */
	_Atomic(const char *) stall_reason;
};

/* Call these around each write, under the output's lock. */
void output_counters_begin_write(struct output_counters *);
void output_counters_end_write(struct output_counters *);

/* How long all stalls have lasted, also the one that goes on. */
unsigned long long output_counters_stalled_ms(const struct output_counters *);

/*
 * The reason why it stands still, "slow" where a write has not failed and takes
 * long, and for how long so far; NULL: it does not.
 */
const char *output_counters_stall(const struct output_counters *,
				  unsigned long long *ms);

/* Format as "records=1 bytes=2 ..."; size is that of out, with the NUL. */
void output_counters_format(const struct output_counters *, char *out,
			    size_t size);

#endif
