/* SPDX-License-Identifier: MIT */
/* config_number: the numbers of a libconfig text, before libconfig has them. */
#ifndef PORTLOG_CONFIG_NUMBER_H
#define PORTLOG_CONFIG_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

struct number {
	const char *text;
	size_t size;
	bool is_integer, is_hexadecimal;
	bool is_dialect; /* 0b1, 0o7, 0q7: for libconfig 1.8 alone */
};

/*
 * The number that text, of size bytes, begins with.  libconfig ends it where
 * it can be no longer, so that 514name is 514 and a name.
 */
void number_read(struct number *, const char *text, size_t size);

/* Whether it is no integer, or one that every libconfig reads the same. */
bool number_is_right(const struct number *);

/* Whether no libconfig ends its reading there. */
bool number_is_readable(const struct number *);

/* What is wrong with it as the value of that setting. */
void number_describe(const struct number *, const char *setting, char *out,
		     size_t room);

#endif
