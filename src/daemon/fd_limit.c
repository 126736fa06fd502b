/* SPDX-License-Identifier: MIT */
#include "daemon/fd_limit.h"

#include <sys/resource.h>

#include "base/diag.h"
#include "base/program.h"
#include "config/defaults.h"
#include "output/output_set.h"

/* Descriptors for other things than connections and listeners. */
#define OTHER_DESCRIPTORS 48

/* Of these, what a start opens last; of each listener for its thread. */
#define LAST_DESCRIPTORS 12
#define THREAD_DESCRIPTORS 2

size_t
fd_limit_raise(const struct config *config)
{
	size_t wanted = config->limits.max_connections;
	size_t others = config_count_sockets(config) * 3 +
			output_set_descriptors(config) + OTHER_DESCRIPTORS;
	size_t limit = program_raise_fd_limit(), fitting;

	if (limit >= wanted + others)
		return wanted;
	fitting = limit > others + 1 ? limit - others : 1;
	diag(LOG_WARNING,
	     "max_connections: %zu needs %zu descriptors and the limit "
	     "(RLIMIT_NOFILE) is %zu: using %zu",
	     wanted, wanted + others, limit, fitting);
	return fitting;
}

void
fd_limit_reserve(const struct config *config)
{
	size_t last = LAST_DESCRIPTORS +
		      config_count_sockets(config) * THREAD_DESCRIPTORS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur <= last)
		return;
	limit.rlim_cur -= last;
	setrlimit(RLIMIT_NOFILE, &limit);
}
