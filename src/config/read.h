/* SPDX-License-Identifier: MIT */
/*
 * read: a libconfig tree to struct config, by the table of options.  Main
 * thread.
 */
#ifndef PORTLOG_CONFIG_READ_H
#define PORTLOG_CONFIG_READ_H

#include "config/value.h"

/* Read the reader's tree into its configuration, and add every error. */
void config_read_tree(struct reader *);

#endif
