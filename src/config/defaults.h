/* SPDX-License-Identifier: MIT */
/* defaults: a configuration built up from its defaults.  Main thread. */
#ifndef PORTLOG_CONFIG_DEFAULTS_H
#define PORTLOG_CONFIG_DEFAULTS_H

#include "config/config.h"

/* The defaults, without listeners and outputs. */
void config_set_defaults(struct config *);

/* One more listener or output, with its defaults; valid until the next. */
struct listener_config *config_add_listener(struct config *);
struct output_config *config_add_output(struct config *);

/*
 * Complete the outputs, then the listeners: where there is none, stdout, and
 * TCP and UDP port 8888; names; framing; the mask of each listener's outputs.
 */
void config_complete_outputs(struct config *);
void config_complete_listeners(struct config *);

/* The number of the output of that name, or -1. */
int config_find_output(const struct config *, const char *name);

void config_free(struct config *);

#endif
