/* SPDX-License-Identifier: MIT */
/*
 * coalesce: decides whether a connection is active: its peer writes so little
 * and so often that waking its thread for each write would cost more than all
 * other work for it.  Writes of an active connection are coalesced: they are
 * read a little later, and several at a time.  A peer that writes less often is
 * read at once.
 *
 * No I/O and no clock.  The caller owns the structure and serialises the calls.
 */
#ifndef PORTLOG_INPUT_COALESCE_H
#define PORTLOG_INPUT_COALESCE_H

#include <stdbool.h>
#include <stddef.h>

/* All zero for a new connection. */
struct coalesce {
	unsigned reads;   /* small ones in a row */
	size_t bytes;     /* of these reads */
	unsigned backoff; /* how often waiting brought too little */
	bool active;      /* wait before the next read */
	bool is_large;    /* the last read was: it is not for the poller */
};

/*
 * Count a read of size bytes, and decide again.  size 0: there was nothing to
 * read.  gap_ms: the time since the read before; others: how many reads the
 * listener's other connections made in that time.
 */
void coalesce_read(struct coalesce *, size_t size, long long gap_ms,
		   unsigned long others);

#endif
