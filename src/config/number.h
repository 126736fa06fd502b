/* SPDX-License-Identifier: MIT */
/* config_number: the numbers of a configuration, as they are written. */
#ifndef PORTLOG_CONFIG_NUMBER_H
#define PORTLOG_CONFIG_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

struct number {
	const char *text;
	size_t size;
	int base; /* 10 or 16; 2 for what libconfig 1.8 alone knows; 0: float */
};

bool number_begins(const char *text);

/*
 * The number that text begins with.  It ends where it can be no longer, so that
 * 514name is 514 and a name.
 */
void number_read(struct number *, const char *text);

/* Whether it is no integer, or one that every libconfig reads the same. */
bool number_is_right(const struct number *);

/* What is wrong with it as the value of that setting. */
void number_describe(const struct number *, const char *setting, char *out,
		     size_t size);

#endif
