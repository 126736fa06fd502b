/* SPDX-License-Identifier: MIT */
#include "system/counters.h"

#include <stdio.h>

static const char *const endings[COUNTED_ENDINGS] = {
	[ENDING_EOF] = "eof",
	[ENDING_RESET] = "reset",
	[ENDING_IDLE] = "idle",
	[ENDING_SHUTDOWN] = "shutdown",
	[ENDING_BAD_FRAME] = "bad-frame",
	[ENDING_ERROR] = "error",
	[ENDING_TRUNCATED] = "truncated",
	[ENDING_RESTART] = "restart",
	[ENDING_TLS_ERROR] = "tls-error",
	[ENDING_KILLED] = "killed",
};

const char *
ending_name(enum ending ending)
{
	return endings[ending];
}

void
counters_note_record(struct listener_events *events, long long second)
{
	atomic_llong *last = &events->last_record_s;

	if (atomic_load_explicit(last, memory_order_relaxed) != second)
		atomic_store_explicit(last, second, memory_order_relaxed);
}

void
counters_format(const struct listener_counters *c, enum protocol protocol,
		char *out, size_t size)
{
	if (protocol_is_stream(protocol))
		snprintf(out, size,
			 "records=%llu bytes=%llu connections=%llu total=%llu "
			 "refused=%llu",
			 c->records, c->bytes, c->connections, c->accepted,
			 c->refused);
	else
		snprintf(out, size,
			 "records=%llu bytes=%llu lost=%llu truncated=%llu "
			 "refused=%llu limited=%llu",
			 c->records, c->bytes, c->lost, c->truncated,
			 c->refused, c->limited);
}
