/* SPDX-License-Identifier: MIT */
/* counters: what went through a listener.  Any thread may read and add. */
#ifndef PORTLOG_SYSTEM_COUNTERS_H
#define PORTLOG_SYSTEM_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/address.h"

struct listener_counters {
	atomic_ullong records;
	atomic_ullong bytes;
	atomic_ullong connections; /* now */
	union {
		atomic_ullong accepted; /* connections in all */
		atomic_ullong limited;  /* datagrams over the rate */
	};
	atomic_ullong refused;   /* connections or datagrams */
	atomic_ullong lost;      /* datagrams that the kernel dropped */
	atomic_ullong truncated; /* datagrams */
};

/* "records=1 bytes=2 ...", of size bytes with the NUL. */
void counters_format(const struct listener_counters *, enum protocol, char *out,
		     size_t size);

#endif
