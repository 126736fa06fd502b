/* SPDX-License-Identifier: MIT */
#include "output/open_error.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/path_pattern.h"

/* The directory that the unit may write to. */
#define OF_SERVICE "/var/log/portlog/"

/* Whether the unit's sandbox or user may be what does not allow it. */
static bool
is_outside_service(const struct output_config *config, int error)
{
	/* systemd sets this for each service (systemd.exec(5)). */
	return (error == EROFS || error == EACCES) && getenv("INVOCATION_ID") &&
	       config->path && config->path[0] == '/' &&
	       strncmp(config->path, OF_SERVICE, strlen(OF_SERVICE)) != 0;
}

/* What errno means where it is not clear. */
static const char *
reason_of(int error)
{
	if (error == ENOSYS)
		return "built without libsystemd";
	if (error == ENXIO)
		return "No such device or address: nobody reads this FIFO, or "
		       "it is a socket";
	return strerror(error);
}

void
open_error_explain(const struct output_config *config, int error,
		   char out[OPEN_ERROR])
{
	const char *reason = reason_of(error);
	char directory[PATH_MAX];
	size_t size;

	if (!is_outside_service(config, error)) {
		snprintf(out, OPEN_ERROR, "%s", reason);
		return;
	}
	size = path_pattern_directory(config->path, directory);
	snprintf(out, OPEN_ERROR,
		 "%s: the unit needs ReadWritePaths=%.*s, a directory of the "
		 "service's user",
		 reason, size > 1 ? (int)size - 1 : 1, config->path);
}
