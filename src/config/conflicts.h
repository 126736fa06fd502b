/* SPDX-License-Identifier: MIT */
/*
 * conflicts: listeners and outputs that exclude each other.  It looks at the
 * files of outputs, which may block, and opens none.  Main thread.
 */
#ifndef PORTLOG_CONFIG_CONFLICTS_H
#define PORTLOG_CONFIG_CONFLICTS_H

#include <stdbool.h>

#include "config/config.h"

/* Whether the kernel would let only one of them bind its port. */
bool conflicts_listeners(const struct listener_config *,
			 const struct listener_config *);

/*
 * Whether both have one protocol and name, so that the log does not tell them
 * apart.  By default all listeners on a port do; their addresses differ.
 */
bool conflicts_names(const struct listener_config *,
		     const struct listener_config *);

/*
 * Whether both write to one file, where a short write would mix their lines: by
 * one path or two, through links, mounts or stdout.
 */
bool conflicts_outputs(const struct output_config *,
		       const struct output_config *);

/* Whether one writes to a name that max_size gives to files of the other. */
bool conflicts_rotated(const struct output_config *,
		       const struct output_config *);

/* Whether two paths lead to one file, which is there or would be made. */
bool conflicts_paths(const char *, const char *);

#endif
