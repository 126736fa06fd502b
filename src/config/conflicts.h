/* SPDX-License-Identifier: MIT */
/* config_twins: listeners and outputs that cannot stand beside each other. */
#ifndef PORTLOG_CONFIG_CONFLICTS_H
#define PORTLOG_CONFIG_CONFLICTS_H

#include "config/config.h"

/* Whether the kernel would let only one of them have its port. */
bool conflicts_listeners(const struct listener_config *,
			 const struct listener_config *);

/* Whether both write to one place, where a short write would mix them. */
bool conflicts_outputs(const struct output_config *,
		       const struct output_config *);

#endif
