/* SPDX-License-Identifier: MIT */
#include "system/notify.h"

#ifdef HAVE_LIBSYSTEMD

#include <systemd/sd-daemon.h>
#include <time.h>

void
notify_ready(void)
{
	sd_notify(0, "READY=1");
}

void
notify_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

void
notify_reloading(void)
{
	struct timespec now;

	/* In one message: systemd 253 and later wants both (sd_notify(3)). */
	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld%06ld",
		   (long long)now.tv_sec, now.tv_nsec / 1000);
}

void
notify_status(const char *text)
{
	sd_notifyf(0, "STATUS=%s", text);
}

void
notify_watchdog(void)
{
	sd_notify(0, "WATCHDOG=1");
}

long long
notify_watchdog_ms(void)
{
	uint64_t limit_us;

	/* Twice in the time that systemd allows. */
	return sd_watchdog_enabled(0, &limit_us) > 0
		     ? (long long)(limit_us / 2000)
		     : 0;
}

#else

void
notify_ready(void)
{
}

void
notify_stopping(void)
{
}

void
notify_reloading(void)
{
}

void
notify_status(const char *text)
{
	(void)text;
}

void
notify_watchdog(void)
{
}

long long
notify_watchdog_ms(void)
{
	return 0;
}

#endif
