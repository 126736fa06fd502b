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
#define MOST_DOUBT 9

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
has_paid(const struct pace *pace, size_t size, long long gap_ms,
	 unsigned long others)
{
	return size > 0 && size < LARGE_BYTES &&
	       (size * pace->reads >= 2 * pace->bytes ||
		is_shared(gap_ms, others, SHARED_PER_MS / 2));
}

void
pace_read(struct pace *pace, size_t size, long long gap_ms,
	  unsigned long others)
{
	bool is_small =
		size > 0 && size < SMALL_BYTES &&
		(gap_ms <= GAP_MS || is_shared(gap_ms, others, SHARED_PER_MS));
	bool is_large = size >= LARGE_BYTES;
	unsigned doubt = pace->doubt;

	if (pace->busy && has_paid(pace, size, gap_ms, others)) {
		pace->doubt = 0;
		return;
	}
	if (pace->busy || !is_small) {
		doubt += pace->busy && doubt < MOST_DOUBT;
		*pace = (struct pace){ .doubt = doubt, .is_large = is_large };
		return;
	}
	pace->is_large = is_large;
	pace->reads++;
	pace->bytes += size;
	pace->busy = pace->reads >= BUSY_READS << doubt;
}
