/* SPDX-License-Identifier: MIT */
/*
 * pace: whether a peer writes so little and so often that its thread should
 * not be woken for each write, which costs more than all else that is done for
 * it.  Whoever sends less often is never kept waiting.
 */
#ifndef PORTLOG_INPUT_COALESCE_H
#define PORTLOG_INPUT_COALESCE_H

#include <stdbool.h>
#include <stddef.h>

/* All zero for a new peer. */
struct coalesce {
	unsigned reads;   /* small ones in a row */
	unsigned backoff; /* how often waiting was for nothing */
	size_t bytes;     /* of these reads */
	bool active;      /* do not read at once, but with others or for more */
	bool is_large;    /* what came last: not to be held back */
};

/*
 * A read of size bytes, gap_ms after the one before, and others: so many reads
 * of other peers in between.  Of 0 bytes: nothing was there.
 */
void coalesce_read(struct coalesce *, size_t size, long long gap_ms,
		   unsigned long others);

#endif
