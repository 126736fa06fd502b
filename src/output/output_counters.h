/* SPDX-License-Identifier: MIT */
/* output_counters: what went through an output.  Any thread may read and add.
 */
#ifndef PORTLOG_OUTPUT_OUTPUT_COUNTERS_H
#define PORTLOG_OUTPUT_OUTPUT_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>

struct output_counters {
	atomic_ullong records;
	atomic_ullong bytes;
	atomic_ullong errors;
	atomic_ullong stalled_ms;   /* of stalls that are over */
	atomic_ullong waiting;      /* records handed over, not yet written */
	atomic_llong busy_since_ms; /* CLOCK_MONOTONIC; 0: no write goes on */
};

/* Called around each write; one that took long counts as a stall. */
void output_counters_begin_write(struct output_counters *);
void output_counters_end_write(struct output_counters *);

/* "records=1 bytes=2 ...", of size bytes with the NUL. */
void output_counters_format(const struct output_counters *, char *out,
			    size_t size);

#endif
