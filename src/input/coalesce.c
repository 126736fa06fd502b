/* SPDX-License-Identifier: MIT */
#include "input/coalesce.h"

/* A connection is active after so many small reads, so close together. */
#define ACTIVE_READS 8U
#define SMALL_BYTES 16384
#define GAP_MS 2

/*
 * Reads up to SHARED_GAP_MS apart count too if the listener's other connections
 * are read at least SHARED_PER_MS times a millisecond: one wake-up then serves
 * many connections.
 */
#define SHARED_GAP_MS 100
#define SHARED_PER_MS 4U

/* ACTIVE_READS doubles each time that waiting brought too little: to 4096. */
#define MAX_BACKOFF 9

/* The poller's pauses would slow down a peer whose reads are so large. */
#define LARGE_BYTES 32768

static bool
is_shared(long long gap_ms, unsigned long others, unsigned per_ms)
{
	return gap_ms <= SHARED_GAP_MS &&
	       others >= (unsigned long)(gap_ms + 1) * per_ms;
}

/*
 * Waiting was worth it if this read is at least twice the average, or if the
 * other connections were read at least half as often as SHARED_PER_MS says.
 */
static bool
was_worth_it(const struct coalesce *coalesce, size_t size, long long gap_ms,
	     unsigned long others)
{
	return size > 0 && size < LARGE_BYTES &&
	       (size * coalesce->reads >= 2 * coalesce->bytes ||
		is_shared(gap_ms, others, SHARED_PER_MS / 2));
}

void
coalesce_read(struct coalesce *coalesce, size_t size, long long gap_ms,
	      unsigned long others)
{
	bool is_small =
		size > 0 && size < SMALL_BYTES &&
		(gap_ms <= GAP_MS || is_shared(gap_ms, others, SHARED_PER_MS));
	bool is_large = size >= LARGE_BYTES;
	unsigned backoff = coalesce->backoff;

	if (coalesce->active && was_worth_it(coalesce, size, gap_ms, others)) {
		coalesce->backoff = 0;
		return;
	}
	if (coalesce->active || !is_small) {
		backoff += coalesce->active && backoff < MAX_BACKOFF;
		*coalesce = (struct coalesce){ .backoff = backoff,
					       .is_large = is_large };
		return;
	}
	coalesce->is_large = is_large;
	coalesce->reads++;
	coalesce->bytes += size;
	coalesce->active = coalesce->reads >= ACTIVE_READS << backoff;
}
