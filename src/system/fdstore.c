/* SPDX-License-Identifier: MIT */
#include "system/fdstore.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
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

void
fdstore_numbered_name(char out[FDSTORE_NAME], const char *kind, uint64_t number)
{
	snprintf(out, FDSTORE_NAME, "%s %" PRIu64, kind, number);
}

bool
fdstore_is_numbered(const char *name, const char *kind, uint64_t *number)
{
	size_t size = strlen(kind);

	if (!name || strncmp(name, kind, size) != 0 || name[size] != ' ')
		return false;
	*number = strtoull(name + size + 1, NULL, 10);
	return true;
}

#ifdef HAVE_LIBSYSTEMD

#include <systemd/sd-daemon.h>

#include "base/diag.h"

#define BARRIER_US 5000000

bool
fdstore_available(void)
{
	return getenv("NOTIFY_SOCKET");
}

void
fdstore_add(int fd, const char *name)
{
	char text[FDSTORE_NAME + 32];
	int error;

	/* FDPOLL=0: keep it after a reset too, for what came before that. */
	snprintf(text, sizeof text, "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
	error = sd_pid_notify_with_fds(0, 0, text, &fd, 1);
	if (error < 0)
		diag(LOG_ERR, "systemd cannot keep \"%s\": %s", name,
		     strerror(-error));
}

void
fdstore_remove(const char *name)
{
	sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}

void
fdstore_barrier(void)
{
	sd_notify_barrier(0, BARRIER_US);
}

#else

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

#endif
