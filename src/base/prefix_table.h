/* SPDX-License-Identifier: MIT */
/*
 * prefix_table: networks, and which of them is the smallest around an address.
 * Pure but for the memory of the table.  Once it is sorted, any thread may
 * find.
 */
#ifndef PORTLOG_BASE_PREFIX_TABLE_H
#define PORTLOG_BASE_PREFIX_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"

/* The family, and an address of IPv4 or IPv6 with zeros behind it. */
#define NETWORK_BYTES 17

/* IPv4 and IPv6 are apart: "::/0" has no address of IPv4. */
struct network {
	unsigned char bytes[NETWORK_BYTES];
	unsigned char bits; /* how many of these belong to the prefix */
};

/* The size of a network as text with a NUL, and of what else is expected. */
#define NETWORK_TEXT 56
#define NETWORK_EXPECTED 128

/*
 * "192.0.2.17" or "198.51.100.0/24", "2001:db8::1" or "2001:db8::/32".  false:
 * it is none, and expected says what is instead, the right spelling if there is
 * one.
 */
bool network_parse(struct network *, const char *text,
		   char expected[NETWORK_EXPECTED]);

/* As it is parsed; without a prefix if that is one address. */
void network_format(const struct network *, char text[NETWORK_TEXT]);

/* { 0 } is an empty one. */
struct prefix_table {
	struct prefix_entry {
		struct network network;
		unsigned value;  /* the caller's */
		unsigned around; /* the smallest that it is in, by its place */
	} * list;                /* owned */
	size_t count;
};

/* What prefix_table_find() returns for an address that is in none. */
#define PREFIX_NONE (~0U)

/* Add one; the table must be sorted before anything is found in it. */
void prefix_table_add(struct prefix_table *, const struct network *,
		      unsigned value);

/* Afterwards equal networks are neighbours, by their values. */
void prefix_table_sort(struct prefix_table *);

/* Whether entry number i, from 1, of a sorted table equals the one before. */
bool prefix_table_is_double(const struct prefix_table *, size_t i);

/*
 * The value of the network with the longest prefix that the address is in.  An
 * IPv4 peer of an IPv6 socket is IPv4, and zones do not count.
 */
unsigned prefix_table_find(const struct prefix_table *, const struct address *);

struct prefix_table prefix_table_copy(const struct prefix_table *);

void prefix_table_free(struct prefix_table *);

#endif
