/* SPDX-License-Identifier: MIT */
#include "input/coalesce.h"

/* So many reads in a row, so small and so close together, are busy. */
#define BUSY_READS 8U
#define SMALL_BYTES 16384
#define GAP_MS 2

/*
 * Further apart, up to this, they are only where the peers of a listener
 * together are read so often that they can share a waking.
 */
#define SHARED_GAP_MS 100
#define SHARED_PER_MS 4U

/* Twice as many each time that waiting was for nothing, up to 4096. */
#define MAX_BACKOFF 9

/* What comes at this pace is not to be held back. */
#define LARGE_BYTES 32768

static bool
is_shared(long long gap_ms, unsigned long others, unsigned per_ms)
{
	return gap_ms <= SHARED_GAP_MS &&
	       others >= (unsigned long)(gap_ms + 1) * per_ms;
}

/*
 * A wait must have brought together what would have been two reads, or so many
 * peers that they are worth half of what made them wait.
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
	coalesce->active = coalesce->reads >= BUSY_READS << backoff;
}
