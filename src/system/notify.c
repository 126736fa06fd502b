/* SPDX-License-Identifier: MIT */
#include "system/notify.h"

#include <stdio.h>
#include <string.h>

void
fdstore_name(char out[FDSTORE_NAME], const char *text)
{
	size_t i = 0;

	for (; i < FDSTORE_NAME - 1 && text[i]; i++)
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

	/* In one message, which systemd 253 and later wants (sd_notify(3)). */
	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld%06ld",
		   (long long)now.tv_sec, now.tv_nsec / 1000);
}

void
notify_status(const char *text)
{
	sd_notifyf(0, "STATUS=%s", text);
}

long long
notify_watchdog_ms(void)
{
	uint64_t limit_us;

	return sd_watchdog_enabled(0, &limit_us) > 0
		     ? (long long)(limit_us / 2000)
		     : 0;
}

void
notify_watchdog(void)
{
	sd_notify(0, "WATCHDOG=1");
}

size_t
fdstore_listen_fds(int *first, char ***names)
{
	int count = sd_listen_fds_with_names(1, names);

	*first = SD_LISTEN_FDS_START;
	return count > 0 ? (size_t)count : 0;
}

bool
fdstore_available(void)
{
	return getenv("NOTIFY_SOCKET");
}

void
fdstore_add(int fd, const char *name)
{
	char text[FDSTORE_NAME + 32];

	/* FDPOLL: also if its peer resets it, for what came before that. */
	snprintf(text, sizeof text, "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
	sd_pid_notify_with_fds(0, 0, text, &fd, 1);
}

void
fdstore_remove(const char *name)
{
	sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}

void
fdstore_barrier(void)
{
	sd_notify_barrier(0, FLUSH_US);
}

#else

/* Started by something else, there is nobody to tell, and nothing passed. */
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

long long
notify_watchdog_ms(void)
{
	return 0;
}

void
notify_watchdog(void)
{
}

size_t
fdstore_listen_fds(int *first, char ***names)
{
	*first = 0;
	*names = NULL;
	return 0;
}

bool
fdstore_available(void)
{
	return false;
}

void
fdstore_add(int fd, const char *name)
{
	(void)fd;
	(void)name;
}

void
fdstore_remove(const char *name)
{
	(void)name;
}

void
fdstore_barrier(void)
{
}

bool
job_is_restart(size_t descriptors)
{
	(void)descriptors;
	return false;
}

#endif
