/* SPDX-License-Identifier: MIT */
#include "output/directories.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Its owner must be able to make files there. */
static mode_t
directory_mode(mode_t mode)
{
	return mode | (mode & 0444) >> 2 | 0300;
}

static bool
make_parts(char *path, size_t fixed, mode_t mode)
{
	char *slash = path + fixed;

	while ((slash = strchr(slash, '/'))) {
		*slash = '\0';
		if (mkdir(path, mode) != 0 && errno != EEXIST)
			return false;
		*slash++ = '/';
	}
	return true;
}

/*
 * chmod(2) afterwards would take the set-group-ID bit away, by which group adm
 * can read all of /var/log/portlog.  So the mask must be right before: that of
 * this thread alone, for others may make files meanwhile.
 */
bool
directories_make(const char *path, size_t fixed, mode_t mode)
{
	bool is_own = unshare(CLONE_FS) == 0, is_made;
	mode_t mask = is_own ? umask(0) : 0;
	char parts[PATH_MAX];

	snprintf(parts, sizeof parts, "%s", path);
	is_made = make_parts(parts, fixed, directory_mode(mode));
	if (is_own)
		umask(mask);
	return is_made;
}
