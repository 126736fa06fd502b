/* SPDX-License-Identifier: MIT */
#include "daemon/watchdog.h"

#include <limits.h>
#include <string.h>

#include "base/clock.h"
#include "system/notify.h"

#define STATUS_MS 3000

void
pulse_init(struct pulse *pulse)
{
	long long now_ms = clock_now_ms();

	*pulse = (struct pulse){
		.watchdog_ms = service_watchdog_ms(),
		.alive_at_ms = LLONG_MAX,
		.status_at_ms = service_keeps() ? now_ms : LLONG_MAX,
	};
	if (pulse->watchdog_ms > 0)
		pulse->alive_at_ms = now_ms;
}

long long
pulse_due_ms(const struct pulse *pulse)
{
	return pulse->alive_at_ms < pulse->status_at_ms ? pulse->alive_at_ms
							: pulse->status_at_ms;
}

static void
tell_status(struct pulse *pulse, struct ports *ports)
{
	char status[sizeof pulse->status];

	ports_summarize(ports, status, sizeof status);
	if (strcmp(status, pulse->status) == 0)
		return;
	memcpy(pulse->status, status, sizeof status);
	service_status(status);
}

void
pulse_beat(struct pulse *pulse, struct ports *ports)
{
	long long now_ms = clock_now_ms();

	if (now_ms >= pulse->alive_at_ms) {
		pulse->alive_at_ms = now_ms + pulse->watchdog_ms;
		if (ports_are_alive(ports))
			service_alive();
	}
	if (now_ms >= pulse->status_at_ms) {
		pulse->status_at_ms = now_ms + STATUS_MS;
		tell_status(pulse, ports);
	}
}
