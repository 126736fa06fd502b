/* SPDX-License-Identifier: MIT */
/*
 * check_output: what the table of options cannot say of an output.  It looks at
 * the file of the output, which may block, and opens none.  Main thread.
 */
#ifndef PORTLOG_CONFIG_CHECK_OUTPUT_H
#define PORTLOG_CONFIG_CHECK_OUTPUT_H

#include "config/value.h"

/* Add an error for each setting of the group whose value cannot be used. */
void check_output(struct reader *, config_setting_t *group,
		  const struct output_config *);

#endif
