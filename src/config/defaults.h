/* SPDX-License-Identifier: MIT */
/*
 * defaults: builds up a configuration from its defaults.  Without memory the
 * process ends.  Main thread.
 */
#ifndef PORTLOG_CONFIG_DEFAULTS_H
#define PORTLOG_CONFIG_DEFAULTS_H

#include "config/config.h"

/* Set all defaults; there are no listeners and no outputs yet. */
void config_set_defaults(struct config *);

/* Add a listener or output with its defaults.  Borrowed until the next. */
struct listener_config *config_add_listener(struct config *);
struct output_config *config_add_output(struct config *);

/* Give a listener that has none TLS with its defaults.  Borrowed. */
struct config_tls *config_add_tls(struct listener_config *);

/*
 * Complete the outputs, then the listeners: add stdout if there is no output,
 * TCP and UDP port 8888 if there is no listener, and one listener for each port
 * of a range; set the names, framings and output masks that are missing.
 */
void config_complete_outputs(struct config *);
void config_complete_listeners(struct config *);

/* The sockets of all listeners: of UDP one for each thread. */
size_t config_count_sockets(const struct config *);

/* The index of the output of that name; -1: there is none. */
int config_find_output(const struct config *, const char *name);

/* Free all that it points to; it is empty then. */
void config_free(struct config *);

#endif
