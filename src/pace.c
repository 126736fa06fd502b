/* SPDX-License-Identifier: MIT */
#include "pace.h"

/* So many reads in a row, so small and with no more between them, are busy. */
#define BUSY_READS 32
#define SMALL_BYTES 2048
#define GAP_MS 2

/* What comes at this pace is not to be held back. */
#define LARGE_BYTES 32768

bool
pace_is_busy(const struct pace *pace)
{
	return pace->reads == BUSY_READS;
}

/* Each sleep must have brought together what would have been two reads. */
static bool
has_paid(const struct pace *pace, size_t size)
{
	return size < LARGE_BYTES && size * BUSY_READS >= 2 * pace->bytes;
}

void
pace_read(struct pace *pace, size_t size, long long gap_ms)
{
	bool is_small = size > 0 && size < SMALL_BYTES && gap_ms <= GAP_MS;

	if (pace_is_busy(pace) && size > 0 && has_paid(pace, size))
		return;
	if (pace_is_busy(pace) || !is_small) {
		*pace = (struct pace){ 0 };
		return;
	}
	pace->reads++;
	pace->bytes += size;
}
