/* SPDX-License-Identifier: MIT */
#include "system/notify.h"

#include <stdio.h>
#include <string.h>

void
service_name(char out[SERVICE_NAME], const char *text)
{
	size_t i = 0;

	for (; i < SERVICE_NAME - 1 && text[i]; i++)
		out[i] = text[i] < ' ' || text[i] > '~' || text[i] == ':'
			       ? '_'
			       : text[i];
	out[i] = '\0';
}

#ifdef HAVE_LIBSYSTEMD

#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#define FLUSH_US 5000000

void
service_ready(void)
{
	sd_notify(0, "READY=1");
}

void
service_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

void
service_reloading(void)
{
	struct timespec now;

	/* In one message, which systemd 253 and later wants (sd_notify(3)). */
	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld%06ld",
		   (long long)now.tv_sec, now.tv_nsec / 1000);
}

void
service_status(const char *text)
{
	sd_notifyf(0, "STATUS=%s", text);
}

long long
service_watchdog_ms(void)
{
	uint64_t limit_us;

	return sd_watchdog_enabled(0, &limit_us) > 0
		     ? (long long)(limit_us / 2000)
		     : 0;
}

void
service_alive(void)
{
	sd_notify(0, "WATCHDOG=1");
}

size_t
service_passed(int *first, char ***names)
{
	int count = sd_listen_fds_with_names(1, names);

	*first = SD_LISTEN_FDS_START;
	return count > 0 ? (size_t)count : 0;
}

bool
service_keeps(void)
{
	return getenv("NOTIFY_SOCKET");
}

void
service_keep(int fd, const char *name)
{
	char text[SERVICE_NAME + 32];

	/* FDPOLL: also if its peer resets it, for what came before that. */
	snprintf(text, sizeof text, "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
	sd_pid_notify_with_fds(0, 0, text, &fd, 1);
}

void
service_drop(const char *name)
{
	sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}

void
service_flush(void)
{
	sd_notify_barrier(0, FLUSH_US);
}

#else

/* Started by something else, there is nobody to tell, and nothing passed. */
void
service_ready(void)
{
}

void
service_stopping(void)
{
}

void
service_reloading(void)
{
}

void
service_status(const char *text)
{
	(void)text;
}

long long
service_watchdog_ms(void)
{
	return 0;
}

void
service_alive(void)
{
}

size_t
service_passed(int *first, char ***names)
{
	*first = 0;
	*names = NULL;
	return 0;
}

bool
service_keeps(void)
{
	return false;
}

void
service_keep(int fd, const char *name)
{
	(void)fd;
	(void)name;
}

void
service_drop(const char *name)
{
	(void)name;
}

void
service_flush(void)
{
}

bool
service_restarts(size_t descriptors)
{
	(void)descriptors;
	return false;
}

#endif
