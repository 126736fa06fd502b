/* SPDX-License-Identifier: MIT */
/* record: what was received, on its way to the outputs. */
#ifndef PORTLOG_RECORD_RECORD_H
#define PORTLOG_RECORD_RECORD_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/address.h"

/* The tag column; a note is portlogd's own word, all others are a peer's. */
enum tag {
	TAG_WHOLE = 'F',
	TAG_PIECE = 'P',
	TAG_END = 'E',
	TAG_TRUNCATED = 'T',
	TAG_NOTE = '*',
};

/* Where records come from: constant while a connection lasts. */
struct origin {
	const char *listener;    /* borrowed from the configuration */
	char peer[ADDRESS_TEXT]; /* address_format(), or "-" */
	uint64_t connection;     /* from 1; 0 where there is none */
	enum protocol protocol;
};

/* All pointers are borrowed and hold while the record is being emitted. */
struct record {
	struct timespec time;
	const struct origin *origin;
	uint64_t number; /* from 1, of its connection or UDP listener */
	/* Any bytes; of a note "EVENT KEY=VALUE ...", no value with a space. */
	const unsigned char *data;
	size_t size;
	enum tag tag;
};

#endif
