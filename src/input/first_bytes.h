/* SPDX-License-Identifier: MIT */
/* first_bytes: what a stream seems to be, by how it begins.  Pure. */
#ifndef PORTLOG_INPUT_FIRST_BYTES_H
#define PORTLOG_INPUT_FIRST_BYTES_H

#include <stddef.h>

enum first_bytes {
	FIRST_BYTES_FEW, /* it may be TLS: more would say so */
	FIRST_BYTES_TLS,
	FIRST_BYTES_PROXY, /* a header of PROXY, of either version */
	FIRST_BYTES_HTTP,
	FIRST_BYTES_SSH,
	FIRST_BYTES_TEXT,
	FIRST_BYTES_OTHER,
};

/* So many bytes are not too few. */
#define FIRST_BYTES_ENOUGH 3

enum first_bytes first_bytes_judge(const unsigned char *, size_t size);

/* "http": a constant. */
const char *first_bytes_name(enum first_bytes);

#endif
