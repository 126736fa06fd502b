/* SPDX-License-Identifier: MIT */
/*
 * rates: a bucket (rate.h) for each source of a listener, in a table of fixed
 * size.  A full bucket says nothing that a new one does not, so its place may
 * go to another source; one that is not full, or that a connection holds, keeps
 * its place.  A source that finds none shares a bucket with all others that
 * find none: so nobody gets rid of a limit by pretending to be many.
 *
 * The lock is inside; no call blocks.  The times are on one clock.
 */
#ifndef PORTLOG_INPUT_RATES_H
#define PORTLOG_INPUT_RATES_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/address.h"
#include "input/rate.h"

/* Places for sources, beside twice as many as there may be connections. */
#define RATES_PLACES 8192

struct rate_source {
	struct address address; /* size 0: free, or all that find no place */
	unsigned holders;
	atomic_bool has_plenty;
	struct rate rate;
};

/*
 * A table for limits, which are borrowed.  prefix_v6: what address_source()
 * keeps.  read_bytes: the most that a connection reads at once.  Ends the
 * process where there is no memory; the caller frees.  NULL: there is no limit.
 * Main thread.
 */
struct rates *rates_new(const struct limits *, unsigned prefix_v6,
			size_t connections, size_t read_bytes);
void rates_free(struct rates *);

/* The bytes of a table; 0 for NULL. */
size_t rates_bytes(const struct rates *);

/*
 * A peer's source, which keeps its place until it is released: for a
 * connection.
 */
struct rate_source *rates_hold(struct rates *, const struct address *peer,
			       long long now_ms);
void rates_release(struct rates *, struct rate_source *);

/*
 * So much is left for each holder that it may read without asking, and settle
 * later, once it has read read_bytes.  Of these each is a record at most.
 */
static inline bool
rates_has_plenty(const struct rate_source *s)
{
	return atomic_load_explicit(&s->has_plenty, memory_order_relaxed);
}

/*
 * Take as much of an amount as is left: returns what was taken, or 0 of both.
 * Afterwards settle for what was used of it, which may be more.
 */
struct rate_amount rates_take(struct rates *, struct rate_source *,
			      struct rate_amount wanted, long long now_ms);
void rates_settle(struct rates *, struct rate_source *,
		  struct rate_amount taken, struct rate_amount used,
		  long long now_ms);

/*
 * Take all of an amount from a peer's source, if something of each is left: for
 * a datagram.  false: nothing is; *source is whose, of size 0 for all who find
 * no place.
 */
bool rates_admit(struct rates *, const struct address *peer, struct rate_amount,
		 long long now_ms, struct address *source);

#endif
