/* SPDX-License-Identifier: MIT */
/*
 * config_integers: finds the integers of a libconfig text that do not fit
 * their type.  libconfig 1.5 reads port = 4294967810 as 514 and says nothing,
 * and once it has parsed a file nobody can tell.
 */
#ifndef PORTLOG_CONFIG_INTEGERS_H
#define PORTLOG_CONFIG_INTEGERS_H

#include <stddef.h>

#include "config_faults.h"

/*
 * Text is that of a file with this name.  An integer must fit 32 bits, 64 with
 * the suffix L; each other is a fault of the setting that it stands behind.
 */
void config_check_integers(const char *file, const char *text, size_t size,
			   struct faults *);

#endif
