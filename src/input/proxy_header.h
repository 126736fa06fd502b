/* SPDX-License-Identifier: MIT */
/*
 * proxy_header: the header with which a proxy begins a stream to tell whose it
 * is: the PROXY protocol of haproxy, versions 1 and 2.  Pure.  Any thread.
 */
#ifndef PORTLOG_INPUT_PROXY_HEADER_H
#define PORTLOG_INPUT_PROXY_HEADER_H

#include <stddef.h>

#include "base/address.h"

/* The bytes of the shortest one, and of the longest. */
#define PROXY_HEADER_MIN 15
#define PROXY_HEADER_MAX (16 + 65535)

enum proxy_result {
	PROXY_INCOMPLETE, /* what there is may begin one */
	PROXY_TOLD,
	PROXY_NOT_TOLD,  /* the peer is the proxy itself, or unknown to it */
	PROXY_MISSING,   /* the stream begins with something else */
	PROXY_MALFORMED, /* it begins like one, and breaks the rules */
	PROXY_CHECKSUM,  /* it is not as it was sent */
};

struct proxy_header {
	size_t size; /* of it; incomplete: read again with so many at least */
	struct address source; /* told: whose stream it is */
	/*
	 * Told: the name in a certificate that its sender has proved to the
	 * proxy to be its own, of any bytes.  Borrowed from data; size 0: none.
	 */
	const unsigned char *name;
	size_t name_size;
};

/* Read the header that data begins with; there may be more behind it. */
enum proxy_result proxy_header_read(struct proxy_header *,
				    const unsigned char *data, size_t size);

#endif
