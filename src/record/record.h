/* SPDX-License-Identifier: MIT */
/*
 * record/: bytes to records, records to lines, and lines back to records.
 * Pure: no sockets, no files, no clock, no threads.
 *
 * record: what was received, on its way to the outputs.
 */
#ifndef PORTLOG_RECORD_RECORD_H
#define PORTLOG_RECORD_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/address.h"

/* The tag column.  A note is written by portlogd; all others are received. */
enum tag {
	TAG_WHOLE = 'F',
	TAG_PIECE = 'P',
	TAG_END = 'E',
	TAG_TRUNCATED = 'T',
	TAG_NOTE = '*',
};

/* Where records come from: constant as long as their connection is open. */
struct origin {
	const char *listener;    /* its name; borrowed from the listener */
	const char *run;         /* see state.h; NULL: unknown; borrowed */
	char peer[ADDRESS_TEXT]; /* address_format(), or "-" */
	const char *name;        /* of the peer; NULL: none; borrowed */
	const char *by; /* the proxy that told of it; NULL: none; borrowed */
	const char *fingerprint; /* of its certificate; likewise */
	uint64_t connection;     /* from 1; 0: records of no connection */
	enum protocol protocol;
};

/* All pointers are borrowed while the record is written to the outputs. */
struct record {
	struct timespec time;
	const struct origin *origin;
	/* From 1, of its connection or UDP listener; 0: it has none. */
	uint64_t number;
	/* Bytes of the record that lines before this one have as pieces. */
	uint64_t begin;
	/* Any bytes.  A note is "EVENT KEY=VALUE ...", no value has a space. */
	const unsigned char *data;
	size_t size;
	enum tag tag;
};

/*
 * Whether it comes in pieces, and this is one of them or the last part.  Then
 * its place is the identity of a line, beside the number.
 */
static inline bool
record_has_pieces(const struct record *record)
{
	return record->tag == TAG_PIECE || record->begin > 0;
}

/* The tag of a line that ends after done bytes of the record's data. */
static inline enum tag
record_line_tag(const struct record *record, size_t done)
{
	return done < record->size ? TAG_PIECE : record->tag;
}

#endif
