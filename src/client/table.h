/* SPDX-License-Identifier: MIT */
/*
 * table: columns of text that are as wide as they need be, for people.  What
 * is not printable is escaped.  Without memory the process ends.  One thread.
 */
#ifndef PORTLOG_CLIENT_TABLE_H
#define PORTLOG_CLIENT_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

#define TABLE_COLUMNS 16

/* { .numeric = bits of the columns that are aligned right } is a new one. */
struct table {
	unsigned numeric;
	struct buffer cells; /* each ends with a NUL */
	size_t columns;      /* of the first row */
	size_t count;        /* of cells so far */
	size_t widths[TABLE_COLUMNS];
};

/* The first row has the headings: end it before the next is begun. */
void table_add(struct table *, const char *text);
void table_add_count(struct table *, double value);   /* "1.2k"; 0: "-" */
void table_add_seconds(struct table *, double value); /* "4h12" */
void table_end_headings(struct table *);

/* Put all rows behind what is in the buffer, and free the table. */
void table_put(struct table *, struct buffer *out);

#define TABLE_NUMBER 32

/* "9999", "12.0k", "1.2G". */
void table_format_count(char out[TABLE_NUMBER], double value);

/* "3s", "4m10", "4h12", "3d04h". */
void table_format_seconds(char out[TABLE_NUMBER], double seconds);

#endif
