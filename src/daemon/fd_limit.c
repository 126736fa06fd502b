/* SPDX-License-Identifier: MIT */
#include "daemon/fd_limit.h"

#include <sys/resource.h>

#include "base/diag.h"

/* Descriptors for other things than connections and listeners. */
#define OTHER_DESCRIPTORS 32

size_t
fd_limit_raise(const struct config *config)
{
	size_t wanted = config->limits.max_connections;
	size_t others = config->listener_count * 3 + config->output_count +
			OTHER_DESCRIPTORS;
	struct rlimit limit;
	size_t fitting;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return wanted;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur >= wanted + others)
		return wanted;
	fitting = limit.rlim_cur > others + 1 ? limit.rlim_cur - others : 1;
	diag(LOG_WARNING,
	     "max_connections: %zu needs %zu descriptors and the limit "
	     "(RLIMIT_NOFILE) is %llu: using %zu",
	     wanted, wanted + others, (unsigned long long)limit.rlim_cur,
	     fitting);
	return fitting;
}
