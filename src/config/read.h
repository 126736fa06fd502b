/* SPDX-License-Identifier: MIT */
/* config_tree: a libconfig tree to struct config, by the table of options. */
#ifndef PORTLOG_CONFIG_READ_H
#define PORTLOG_CONFIG_READ_H

#include "config/value.h"

/* Read all of the reader's tree into its configuration, faults and all. */
void config_read_tree(struct reader *);

#endif
