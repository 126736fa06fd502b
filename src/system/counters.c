/* SPDX-License-Identifier: MIT */
#include "system/counters.h"

#include <stdio.h>

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
