/* SPDX-License-Identifier: MIT */
#include "daemon/watchdog.h"

#include <limits.h>
#include <string.h>

#include "base/clock.h"
#include "system/fdstore.h"
#include "system/notify.h"

#define STATUS_MS 3000

void
watchdog_init(struct watchdog *watchdog)
{
	long long now_ms = clock_now_ms();

	*watchdog = (struct watchdog){
		.watchdog_ms = notify_watchdog_ms(),
		.alive_at_ms = LLONG_MAX,
		.status_at_ms = fdstore_available() ? now_ms : LLONG_MAX,
	};
	if (watchdog->watchdog_ms > 0)
		watchdog->alive_at_ms = now_ms;
}

long long
watchdog_deadline_ms(const struct watchdog *watchdog)
{
	return watchdog->alive_at_ms < watchdog->status_at_ms
		     ? watchdog->alive_at_ms
		     : watchdog->status_at_ms;
}

static void
send_status(struct watchdog *watchdog, struct listeners *listeners)
{
	char status[sizeof watchdog->status];

	listeners_summarize(listeners, status, sizeof status);
	if (strcmp(status, watchdog->status) == 0)
		return;
	memcpy(watchdog->status, status, sizeof status);
	notify_status(status);
}

void
watchdog_feed(struct watchdog *watchdog, struct listeners *listeners)
{
	long long now_ms = clock_now_ms();

	if (now_ms >= watchdog->alive_at_ms) {
		watchdog->alive_at_ms = now_ms + watchdog->watchdog_ms;
		if (listeners_are_alive(listeners))
			notify_watchdog();
	}
	if (now_ms >= watchdog->status_at_ms) {
		watchdog->status_at_ms = now_ms + STATUS_MS;
		send_status(watchdog, listeners);
	}
}
