/* SPDX-License-Identifier: MIT */
/*
 * rate: how much a source may send, as the settings rate_records, rate_bytes
 * and rate_burst say: a bucket that holds rate_burst seconds' worth, and from
 * which what it sends is taken.  Pure; the caller has the clock, and serialises
 * the calls.
 */
#ifndef PORTLOG_INPUT_RATE_H
#define PORTLOG_INPUT_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

struct rate_amount {
	uint64_t records, bytes;
};

/* All zero for a full bucket. */
struct rate {
	struct rate_amount missing; /* in thousandths; of what has no limit 0 */
	long long filled_ms;        /* up to when, on any clock */
};

/* Whether there is a limit at all. */
static inline bool
rate_is_limited(const struct limits *limits)
{
	return limits->rate_records > 0 || limits->rate_bytes > 0;
}

/* Add what has come in since the last time; a clock set back adds nothing. */
void rate_fill(struct rate *, const struct limits *, long long now_ms);

/* What is left; UINT64_MAX of what has no limit. */
struct rate_amount rate_left(const struct rate *, const struct limits *);

/* Take more than is left, too, which is then to come in first; put back. */
void rate_take(struct rate *, const struct limits *, struct rate_amount);
void rate_put_back(struct rate *, struct rate_amount);

static inline bool
rate_is_full(const struct rate *rate)
{
	return rate->missing.records == 0 && rate->missing.bytes == 0;
}

#endif
