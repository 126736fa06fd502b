/* SPDX-License-Identifier: MIT */
#include "base/counters.h"

#include <stdio.h>

#include "base/clock.h"

/* An output that takes longer than this over a write stands still. */
#define STALL_MS 500

void
counters_format_listener(char *out, size_t size, enum protocol protocol,
			 const struct listener_counters *c)
{
	if (protocol == PROTOCOL_TCP)
		snprintf(out, size,
			 "records=%llu bytes=%llu connections=%llu total=%llu "
			 "refused=%llu",
			 c->records, c->bytes, c->connections, c->accepted,
			 c->refused);
	else
		snprintf(out, size,
			 "records=%llu bytes=%llu lost=%llu truncated=%llu",
			 c->records, c->bytes, c->lost, c->truncated);
}

/* How long the present write stands still; 0: it does not. */
static unsigned long long
standstill_ms(const struct output_counters *c)
{
	long long since_ms = atomic_load(&c->busy_since_ms);
	long long busy_ms = since_ms ? clock_now_ms() - since_ms : 0;

	return busy_ms > STALL_MS ? (unsigned long long)busy_ms : 0;
}

void
counters_begin_write(struct output_counters *c)
{
	atomic_store(&c->busy_since_ms, clock_now_ms());
}

void
counters_end_write(struct output_counters *c)
{
	atomic_fetch_add(&c->stalled_ms, standstill_ms(c));
	atomic_store(&c->busy_since_ms, 0);
}

void
counters_format_output(char *out, size_t size, const struct output_counters *c)
{
	unsigned long long stalled_ms = c->stalled_ms + standstill_ms(c);

	snprintf(out, size,
		 "records=%llu bytes=%llu errors=%llu "
		 "stalled_seconds=%llu.%03llu "
		 "waiting=%llu",
		 c->records, c->bytes, c->errors, stalled_ms / 1000,
		 stalled_ms % 1000, c->waiting);
}
