/* SPDX-License-Identifier: MIT */
/* read_output: a group of outputs to an output.  Main thread. */
#ifndef PORTLOG_CONFIG_READ_OUTPUT_H
#define PORTLOG_CONFIG_READ_OUTPUT_H

#include "config/value.h"

/* Add an output to the configuration, and every error in its group. */
void read_output(struct reader *, config_setting_t *group);

#endif
