/* SPDX-License-Identifier: MIT */
/* config_number: the numbers of a configuration, as they are written. */
#ifndef PORTLOG_CONFIG_NUMBER_H
#define PORTLOG_CONFIG_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

bool number_begins(const char *text);

/*
 * The size of the number that text begins with.  It ends where it can be no
 * longer, so that 514name is 514 and a name.  If it is an integer that not
 * every libconfig reads the same, wrong says so of this setting; else it is
 * empty.
 */
size_t number_check(const char *text, const char *setting, char wrong[200]);

#endif
