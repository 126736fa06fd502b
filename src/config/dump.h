/* SPDX-License-Identifier: MIT */
/* dump: a configuration as text.  Blocks on the file.  Main thread. */
#ifndef PORTLOG_CONFIG_DUMP_H
#define PORTLOG_CONFIG_DUMP_H

#include <stdio.h>

#include "config/config.h"

/* Print all of it, defaults too, as a file that loads to the same. */
void config_dump(const struct config *, FILE *);

#endif
