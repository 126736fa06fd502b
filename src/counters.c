/* SPDX-License-Identifier: MIT */
#include "counters.h"

#include <stdio.h>

#include "clock.h"

/* A write that takes longer than this is called a stall. */
#define STALL_MS 1000

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

void
counters_format_output(char *out, size_t size, const struct output_counters *c)
{
	unsigned long long stalled_ms = c->stalled_ms;
	long long busy_since_ms = c->busy_since_ms;
	long long busy_ms = busy_since_ms ? clock_now_ms() - busy_since_ms : 0;

	if (busy_ms > STALL_MS)
		stalled_ms += (unsigned long long)busy_ms;
	snprintf(out, size,
		 "records=%llu bytes=%llu errors=%llu "
		 "stalled_seconds=%llu.%03llu "
		 "waiting=%llu",
		 c->records, c->bytes, c->errors, stalled_ms / 1000,
		 stalled_ms % 1000, c->waiting);
}
