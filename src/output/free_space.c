/* SPDX-License-Identifier: MIT */
#include "output/free_space.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "config/config.h"
#include "config/keep_free.h"

/* Between two looks.  One takes a microsecond, so this costs nothing. */
#define LOOK_BYTES 1048576
#define LOOK_MS 1000

/*
 * How many bytes of the wanted ones may be written before the next look.  What
 * only root may use is not free.
 */
static size_t
look(const struct sink *sink, size_t wanted, char why[FREE_SPACE_REASON])
{
	struct statvfs system;
	unsigned long long free, keep;

	/* A file system without blocks does not say how many are free. */
	if (fstatvfs(sink->fd, &system) != 0 || system.f_blocks == 0)
		return wanted;
	free = (unsigned long long)system.f_bavail * system.f_frsize;
	keep = keep_free_bytes(sink->config->keep_free, &system);
	snprintf(why, FREE_SPACE_REASON,
		 "its file system has %llu bytes free, and the setting "
		 "keep_free leaves %llu to others",
		 free, keep);
	if (free <= keep)
		return 0;
	return free - keep < wanted ? (size_t)(free - keep) : wanted;
}

bool
free_space_allows(struct sink *sink, size_t size, long long now_ms,
		  char why[FREE_SPACE_REASON])
{
	if (sink->config->keep_free == 0 || !sink->path ||
	    sink->type != S_IFREG)
		return true;
	if (size > sink->unlooked || now_ms >= sink->free_look_at_ms) {
		sink->unlooked =
			look(sink, size < LOOK_BYTES ? LOOK_BYTES : size, why);
		sink->free_look_at_ms = now_ms + LOOK_MS;
	}
	if (size > sink->unlooked)
		return false;
	sink->unlooked -= size;
	return true;
}
