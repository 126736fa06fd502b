/* SPDX-License-Identifier: MIT */
/* read_listener: a group of listeners to a listener.  Main thread. */
#ifndef PORTLOG_CONFIG_READ_LISTENER_H
#define PORTLOG_CONFIG_READ_LISTENER_H

#include "config/value.h"

/*
 * Add a listener to the configuration, and every error in its group.  limits
 * and outputs are read before, for a listener inherits and names them.
 */
void read_listener(struct reader *, config_setting_t *group);

#endif
