/* SPDX-License-Identifier: MIT */
#include "daemon/reopen.h"

#include <poll.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/thread.h"
#include "daemon/certificates.h"
#include "system/notify.h"

/* systemd waits no longer: a file may stall. */
#define REOPEN_MS 10000

/* At the end, for a file that is being reopened. */
#define SETTLE_MS 1000

static void
reopen_all(struct reopen *reopen)
{
	int done_fd = reopen->done_fd;

	output_set_reopen(reopen->outputs);
	certificates_reload(reopen->listeners);
	/* Use nothing of the server after this: it may be freed. */
	atomic_fetch_sub(&reopen->threads, 1);
	eventfd_write(done_fd, 1);
}

static void *
reopen_main(void *argument)
{
	thread_name("reopen", "");
	reopen_all(argument);
	return NULL;
}

void
reopen_begin(struct reopen *reopen)
{
	static bool is_said;

	if (!is_said)
		diag(LOG_INFO, "SIGHUP: opening the files again; for a changed "
			       "configuration, restart");
	is_said = true;
	notify_reloading();
	output_set_request_reopen(reopen->outputs);
	reopen->until_ms = clock_now_ms() + REOPEN_MS;
	atomic_fetch_add(&reopen->threads, 1);
	if (thread_start(NULL, reopen_main, reopen) != 0)
		reopen_all(reopen);
}

/* An output that was at a write reopens its file after that, and rings. */
static bool
is_done(const struct reopen *reopen)
{
	return atomic_load(&reopen->threads) == 0 &&
	       output_set_is_reopened(reopen->outputs);
}

void
reopen_tend(struct reopen *reopen, long long *until_ms)
{
	if (reopen->until_ms == 0)
		return;
	if (is_done(reopen) || clock_now_ms() >= reopen->until_ms) {
		reopen->until_ms = 0;
		notify_ready();
	} else if (reopen->until_ms < *until_ms) {
		*until_ms = reopen->until_ms;
	}
}

bool
reopen_finish(struct reopen *reopen)
{
	long long until_ms = clock_now_ms() + SETTLE_MS, left_ms;
	struct pollfd done = { .fd = reopen->done_fd, .events = POLLIN };
	eventfd_t rung;

	while (atomic_load(&reopen->threads) > 0 &&
	       (left_ms = until_ms - clock_now_ms()) > 0) {
		poll(&done, 1, (int)left_ms);
		eventfd_read(done.fd, &rung);
	}
	return atomic_load(&reopen->threads) == 0;
}
