/* SPDX-License-Identifier: MIT */
/*
 * finder: looks for the same bytes in much text.  memchr(3) finds one of them,
 * that which is rarest in the text, and is many times as fast as memmem(3).
 * Pure.
 */
#ifndef PORTLOG_CLIENT_FINDER_H
#define PORTLOG_CLIENT_FINDER_H

#include <stddef.h>

struct finder {
	const char *needle; /* borrowed; NULL: there is nothing to find */
	size_t size;
	size_t rare; /* the place in it of the byte that memchr() looks for */
};

/* Choose that byte by what is in a sample of the text. */
void finder_tune(struct finder *, const char *sample, size_t size);

/* Where the bytes first are in text; no bytes are anywhere.  NULL: nowhere. */
const char *finder_find(const struct finder *, const char *text, size_t size);

#endif
