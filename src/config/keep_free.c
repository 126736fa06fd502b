/* SPDX-License-Identifier: MIT */
#include "config/keep_free.h"

#include "config/config.h"

/* The most that a percentage means, as for journald: disks are large. */
#define MOST_OF_PERCENTAGE (1ULL << 30)

unsigned long long
keep_free_bytes(unsigned keep_free, const struct statvfs *system)
{
	unsigned long long bytes;

	if (!(keep_free & CONFIG_PERCENT))
		return keep_free;
	bytes = (unsigned long long)system->f_blocks * system->f_frsize / 100 *
		(keep_free & ~CONFIG_PERCENT);
	return bytes < MOST_OF_PERCENTAGE ? bytes : MOST_OF_PERCENTAGE;
}
