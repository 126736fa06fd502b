/* SPDX-License-Identifier: MIT */
#include "output/retry.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"

#define RETRY_MS 1000

void
retry_stop_if_abandoned(struct output *output)
{
	if (!atomic_load(&output->abandoned))
		return;
	pthread_mutex_unlock(&output->lock);
	for (;;)
		pause();
}

void
retry_wait(struct output *output, int error)
{
	retry_wait_for(output, strerrorname_np(error), strerror(error));
}

void
retry_wait_for(struct output *output, const char *reason, const char *why)
{
	struct output_counters *c = &output->counters;

	atomic_store(&c->stall_reason, reason);
	if (atomic_load(&c->stalled_since_ms) == 0) {
		atomic_store(&c->stalled_since_ms, clock_now_ms());
		atomic_fetch_add(&c->errors, 1);
		diag(LOG_ERR,
		     "output %s: stalled reason=%s: %s; trying again "
		     "every second",
		     output->sink->name, reason, why);
	}
	clock_sleep_ms(RETRY_MS);
	retry_stop_if_abandoned(output);
}

void
retry_end(struct output *output)
{
	long long since_ms = atomic_load(&output->counters.stalled_since_ms);
	long long stall_ms;

	if (since_ms == 0)
		return;
	stall_ms = clock_now_ms() - since_ms;
	atomic_store(&output->counters.stalled_since_ms, 0);
	output->unnoted_stall_ms += stall_ms;
	diag(LOG_WARNING, "output %s: resumed seconds=%lld.%03lld",
	     output->sink->name, stall_ms / 1000, stall_ms % 1000);
}

void
retry_give_up(struct output *output, int error)
{
	if (atomic_exchange(&output->broken, true))
		return;
	diag(LOG_ERR, "output %s: %s%s", output->sink->name, strerror(error),
	     error == EIO ? ": its terminal is gone" : "");
	eventfd_write(output->broken_fd, 1);
}
