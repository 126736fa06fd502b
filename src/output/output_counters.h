/* SPDX-License-Identifier: MIT */
/*
 * output_counters: how much an output has written, and how long it stalled.
 * The fields are atomic: any thread may read and add.  No call blocks.
 */
#ifndef PORTLOG_OUTPUT_OUTPUT_COUNTERS_H
#define PORTLOG_OUTPUT_OUTPUT_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>

struct output_counters {
	atomic_ullong records;      /* written */
	atomic_ullong bytes;        /* written */
	atomic_ullong errors;       /* the beginnings of stalls */
	atomic_ullong stalled_ms;   /* of stalls that are over */
	atomic_ullong waiting;      /* records to be written */
	atomic_llong busy_since_ms; /* CLOCK_MONOTONIC; 0: no write goes on */
};

/* Call these around each write, under the output's lock. */
void output_counters_begin_write(struct output_counters *);
void output_counters_end_write(struct output_counters *);

/* Format as "records=1 bytes=2 ..."; size is that of out, with the NUL. */
void output_counters_format(const struct output_counters *, char *out,
			    size_t size);

#endif
