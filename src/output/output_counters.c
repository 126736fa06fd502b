/* SPDX-License-Identifier: MIT */
#include "output/output_counters.h"

#include <stdio.h>

#include "base/clock.h"

/* A write that takes longer than this counts as a stall. */
#define STALL_MS 500

/* How long the present write has taken, if it is a stall; else 0. */
static unsigned long long
present_stall_ms(const struct output_counters *c)
{
	long long since_ms = atomic_load(&c->busy_since_ms);
	long long busy_ms = since_ms ? clock_now_ms() - since_ms : 0;

	return busy_ms > STALL_MS ? (unsigned long long)busy_ms : 0;
}

void
output_counters_begin_write(struct output_counters *c)
{
	atomic_store(&c->busy_since_ms, clock_now_ms());
}

void
output_counters_end_write(struct output_counters *c)
{
	atomic_fetch_add(&c->stalled_ms, present_stall_ms(c));
	atomic_store(&c->busy_since_ms, 0);
	atomic_store(&c->written_at_ms, clock_now_ms());
}

unsigned long long
output_counters_stalled_ms(const struct output_counters *c)
{
	return atomic_load(&c->stalled_ms) + present_stall_ms(c);
}

const char *
output_counters_stall(const struct output_counters *c, unsigned long long *ms)
{
	long long since_ms = atomic_load(&c->stalled_since_ms);
	const char *reason = atomic_load(&c->stall_reason);

	*ms = since_ms ? (unsigned long long)(clock_now_ms() - since_ms)
		       : present_stall_ms(c);
	if (since_ms)
		return reason;
	return *ms > 0 ? "slow" : NULL;
}

void
output_counters_format(const struct output_counters *c, char *out, size_t size)
{
	unsigned long long stalled_ms = output_counters_stalled_ms(c);

	snprintf(out, size,
		 "records=%llu bytes=%llu errors=%llu "
		 "stalled_seconds=%llu.%03llu "
		 "waiting=%llu",
		 c->records, c->bytes, c->errors, stalled_ms / 1000,
		 stalled_ms % 1000, c->waiting);
}
