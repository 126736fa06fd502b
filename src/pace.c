/* SPDX-License-Identifier: MIT */
#include "pace.h"

/* So many reads in a row, so small and with no more between them, are busy. */
#define BUSY_READS 32U
#define SMALL_BYTES 2048
#define GAP_MS 2

/* Twice as many each time that sleeping was for nothing, up to 4096. */
#define MOST_DOUBT 7

/* What comes at this pace is not to be held back. */
#define LARGE_BYTES 32768

/* A sleep must have brought together what would have been two reads. */
static bool
has_paid(const struct pace *pace, size_t size)
{
	return size > 0 && size < LARGE_BYTES &&
	       size * pace->reads >= 2 * pace->bytes;
}

void
pace_read(struct pace *pace, size_t size, long long gap_ms)
{
	bool is_small = size > 0 && size < SMALL_BYTES && gap_ms <= GAP_MS;
	unsigned doubt = pace->doubt;

	if (pace->busy && has_paid(pace, size)) {
		pace->doubt = 0;
		return;
	}
	if (pace->busy || !is_small) {
		doubt += pace->busy && doubt < MOST_DOUBT;
		*pace = (struct pace){ .doubt = doubt };
		return;
	}
	pace->reads++;
	pace->bytes += size;
	pace->busy = pace->reads >= BUSY_READS << doubt;
}
