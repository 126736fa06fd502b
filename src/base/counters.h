/* SPDX-License-Identifier: MIT */
/* counters: what went through each listener and output; any thread may ask. */
#ifndef PORTLOG_BASE_COUNTERS_H
#define PORTLOG_BASE_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/address.h"

struct listener_counters {
	atomic_ullong records;
	atomic_ullong bytes;
	atomic_ullong connections; /* now */
	atomic_ullong accepted;    /* in all */
	atomic_ullong refused;
	atomic_ullong lost;      /* datagrams, as the kernel counts them */
	atomic_ullong truncated; /* datagrams */
};

struct output_counters {
	atomic_ullong records;
	atomic_ullong bytes;
	atomic_ullong errors;
	atomic_ullong stalled_ms;   /* of stalls that are over */
	atomic_ullong waiting;      /* records handed over, not yet written */
	atomic_llong busy_since_ms; /* CLOCK_MONOTONIC; 0: no write goes on */
};

/* An output begins to write, and has written: what took long was a stall. */
void counters_begin_write(struct output_counters *);
void counters_end_write(struct output_counters *);

/* A line for a person, without a newline. */
void counters_format_listener(char *out, size_t size, enum protocol,
			      const struct listener_counters *);
void counters_format_output(char *out, size_t size,
			    const struct output_counters *);

#endif
