/* SPDX-License-Identifier: MIT */
/*
 * pace: whether a peer writes so little and so often that its thread should
 * not be woken for each write.  That costs more than all else that is done
 * for it; a short sleep lets several writes come together, as network cards
 * moderate their interrupts.  Whoever sends less often is never kept waiting.
 */
#ifndef PORTLOG_PACE_H
#define PORTLOG_PACE_H

#include <stdbool.h>
#include <stddef.h>

/* How long to sleep before the next read of a busy peer, in nanoseconds. */
#define PACE_SLEEP_NS 2000000

/* All zero for a new peer. */
struct pace {
	unsigned reads; /* small ones in a row */
	unsigned doubt; /* how often sleeping was for nothing */
	size_t bytes;   /* of these reads */
	bool busy;      /* sleep before its next read */
};

/* A read of size bytes, gap_ms after the one before; of 0: nothing was there.
 */
void pace_read(struct pace *, size_t size, long long gap_ms);

#endif
