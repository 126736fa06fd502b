/* SPDX-License-Identifier: MIT */
/* number: the numbers of a configuration, as they are written.  Pure. */
#ifndef PORTLOG_CONFIG_NUMBER_H
#define PORTLOG_CONFIG_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

bool number_begins(const char *text);

/*
 * Returns the size in bytes of the number that text begins with: 3 for
 * "514name".  If libconfig versions differ in how they read it, wrong is an
 * error text that names the setting; else wrong is empty.
 */
size_t number_check(const char *text, const char *setting, char wrong[200]);

#endif
