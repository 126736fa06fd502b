/* SPDX-License-Identifier: MIT */
#include "daemon/low_ports.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/diag.h"
#include "input/listener.h"
#include "system/fdstore.h"
#include "system/socket_match.h"

/* The first port that any user may bind; the kernel uses it for IPv6 too. */
static unsigned
first_free_port(void)
{
	FILE *file =
		fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
	char text[16];
	unsigned port = 1024; /* where the kernel does not say */

	if (file && fgets(text, sizeof text, file))
		port = (unsigned)strtoul(text, NULL, 10);
	if (file)
		fclose(file);
	return port;
}

/*
 * One that the next process does not want shares its port: see full_test().  A
 * port that is in use because systemd stores our socket is no error.
 */
static bool
store(const struct listener_config *config, unsigned backlog, bool beside,
      bool *is_new)
{
	struct listener listener = { 0 };
	const char *action = listener_store(&listener, config, backlog, beside);
	int error = errno;

	*is_new = !action;
	if (!action)
		listener_close_socket(&listener, false);
	else if (error == EADDRINUSE && sockets_are_ours(config))
		action = NULL;
	errno = error;
	return !action || sockets_log_failure(config, action);
}

/* Where there are some already, they are as many as there were threads. */
static bool
store_each(const struct listener_config *config, unsigned backlog)
{
	bool is_new = true, all = true;

	for (unsigned i = 0; i < config->threads && is_new; i++)
		all &= store(config, backlog, config->threads == 1 || i > 0,
			     &is_new);
	return all;
}

bool
low_ports_bind(const struct config *config)
{
	unsigned first_free = first_free_port();
	bool all = true;

	if (!fdstore_available()) {
		diag(LOG_ERR, "there is no systemd to keep ports");
		return false;
	}
	for (size_t i = 0; i < config->listener_count; i++) {
		const struct listener_config *l = &config->listeners[i];

		if (l->port != 0 && l->port < first_free)
			all &= store_each(l, config->backlog);
	}
	fdstore_barrier();
	return all;
}
