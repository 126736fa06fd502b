/* SPDX-License-Identifier: MIT */
#include "output/rotate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A path, a dot, a number of ten digits and a NUL. */
#define NUMBERED (PATH_MAX + 12)

/* Number 0 is the file that is written to. */
static void
put_name(char name[NUMBERED], const char *path, unsigned number)
{
	if (number == 0)
		snprintf(name, NUMBERED, "%s", path);
	else
		snprintf(name, NUMBERED, "%s.%u", path, number);
}

static bool
is_free(const char *name)
{
	struct stat status;

	return lstat(name, &status) != 0 && errno == ENOENT;
}

/* Where the file system cannot refuse to replace a file, look before. */
static bool
rename_to_free(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return true;
	if (errno != EINVAL)
		return false;
	errno = EEXIST;
	return is_free(to) && rename(from, to) == 0;
}

static unsigned
first_free(const char *path, unsigned keep)
{
	char name[NUMBERED];

	for (unsigned number = 1; number <= keep; number++) {
		put_name(name, path, number);
		if (is_free(name))
			return number;
	}
	return 0;
}

bool
rotate(const char *path, unsigned keep, bool *is_removed)
{
	char real[PATH_MAX], from[NUMBERED], to[NUMBERED];
	unsigned number;

	*is_removed = false;
	if (!realpath(path, real))
		return false;
	number = first_free(real, keep);
	if (number == 0) {
		number = keep;
		put_name(to, real, keep);
		if (unlink(to) != 0)
			return false;
		*is_removed = true;
	}
	for (; number > 0; number--) {
		put_name(from, real, number - 1);
		put_name(to, real, number);
		if (!rename_to_free(from, to))
			return false;
	}
	return true;
}
