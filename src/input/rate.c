/* SPDX-License-Identifier: MIT */
#include "input/rate.h"

/* So that each millisecond adds a whole number: nothing is rounded. */
#define PARTS 1000

static uint64_t
less(uint64_t missing, uint64_t amount)
{
	return missing > amount ? missing - amount : 0;
}

/* What has come in; more than can be missing if that does not fit. */
static uint64_t
income(unsigned a_second, uint64_t elapsed_ms)
{
	uint64_t parts;

	return __builtin_mul_overflow(elapsed_ms, a_second, &parts) ? UINT64_MAX
								    : parts;
}

void
rate_fill(struct rate *rate, const struct limits *limits, long long now_ms)
{
	uint64_t elapsed_ms;

	if (now_ms <= rate->filled_ms)
		return;
	elapsed_ms = (uint64_t)now_ms - (uint64_t)rate->filled_ms;
	rate->filled_ms = now_ms;
	rate->missing.records = less(rate->missing.records,
				     income(limits->rate_records, elapsed_ms));
	rate->missing.bytes = less(rate->missing.bytes,
				   income(limits->rate_bytes, elapsed_ms));
}

static uint64_t
left(uint64_t missing, unsigned a_second, unsigned burst_s)
{
	uint64_t most = (uint64_t)a_second * burst_s * PARTS;

	return a_second == 0 ? UINT64_MAX : less(most, missing) / PARTS;
}

struct rate_amount
rate_left(const struct rate *rate, const struct limits *limits)
{
	return (struct rate_amount){
		.records = left(rate->missing.records, limits->rate_records,
				limits->rate_burst_s),
		.bytes = left(rate->missing.bytes, limits->rate_bytes,
			      limits->rate_burst_s),
	};
}

void
rate_take(struct rate *rate, const struct limits *limits,
	  struct rate_amount amount)
{
	if (limits->rate_records > 0)
		rate->missing.records += amount.records * PARTS;
	if (limits->rate_bytes > 0)
		rate->missing.bytes += amount.bytes * PARTS;
}

void
rate_put_back(struct rate *rate, struct rate_amount amount)
{
	rate->missing.records =
		less(rate->missing.records, amount.records * PARTS);
	rate->missing.bytes = less(rate->missing.bytes, amount.bytes * PARTS);
}
