/* SPDX-License-Identifier: MIT */
/* conflicts: listeners and outputs that exclude each other.  Pure. */
#ifndef PORTLOG_CONFIG_CONFLICTS_H
#define PORTLOG_CONFIG_CONFLICTS_H

#include "config/config.h"

/* Whether the kernel would let only one of them bind its port. */
bool conflicts_listeners(const struct listener_config *,
			 const struct listener_config *);

/* Whether both write to one file, where a short write would mix their lines. */
bool conflicts_outputs(const struct output_config *,
		       const struct output_config *);

#endif
