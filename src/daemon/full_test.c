/* SPDX-License-Identifier: MIT */
#include "daemon/full_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "input/listener.h"
#include "output/output_set.h"
#include "system/fdstore.h"
#include "system/listen_fds.h"
#include "system/port_holder.h"
#include "system/sockets.h"

/*
 * Whether a start would have the port, though bind(2) fails with this error.
 * Only then is the list read: where there are 100,000 sockets, that takes as
 * long as a test before a restart may.
 */
static bool
is_passed(const struct listener_config *config, int error,
	  struct net_sockets *sockets)
{
	struct port_holder holder;
	struct stat status;

	/* Who lives at a path cannot be seen, but whose file it is. */
	if (config->path)
		return error == EADDRINUSE &&
		       lstat(config->path, &status) == 0 &&
		       S_ISSOCK(status.st_mode) && status.st_uid == getuid();
	if (error == EADDRINUSE)
		return port_holder_must_find(sockets, config, &holder) &&
		       holder.is_ours;
	if (error != EACCES)
		return false;
	if (!sockets->list)
		proc_net_read(sockets);
	if (port_holder_find(sockets, config, &holder))
		return holder.is_ours;
	return fdstore_available();
}

/* Whether a socket can be in so many groups; that it has others is no matter.
 */
static bool
groups_fit(const struct listener_config *config)
{
	struct listener_config any_port = *config;
	const char *action = NULL;

	any_port.port = 0;
	if (config->groups.count > 0)
		action = sockets_try(&any_port);
	return !action || errno != ENOBUFS ||
	       sockets_log_failure(config, action);
}

static bool
try_listener(const struct listener_config *config, struct net_sockets *sockets,
	     struct listen_fds *in)
{
	struct listener_config any_port = *config;
	struct listener listener = { 0 };
	const char *action;
	int error;

	listener_find(&listener, config, in);
	if (listener.was_passed)
		return groups_fit(config);
	action = sockets_try(config);
	error = errno;

	if (action && is_passed(config, error, sockets)) {
		if (config->path)
			return true;
		/* Its address and interface may be new. */
		any_port.port = 0;
		action = sockets_try(&any_port);
		error = errno;
	}
	errno = error;
	/* What is not there yet is logged, and no failure: see rebind.h. */
	return !action || sockets_log_failure(config, action) ||
	       sockets_is_absence(error);
}

/* Take the sockets that restart_check() passes, as systemd will. */
static void
take_sockets(struct listen_fds *in)
{
	const char *from = getenv("LISTEN_PID");

	if (from && strtol(from, NULL, 10) == getppid()) {
		char pid[16];

		snprintf(pid, sizeof pid, "%d", (int)getpid());
		setenv("LISTEN_PID", pid, 1);
	}
	listen_fds_open(in);
}

/*
 * With what no listener wants, the next process's --keep-low-ports may have to
 * share the port: at another address, or on another interface.
 */
static void
share_unwanted(struct listen_fds *in)
{
	char name[FDSTORE_NAME];
	int fd;

	while ((fd = listen_fds_take_unwanted(in, name)) >= 0)
		sockets_share_port(fd);
}

bool
full_test(const struct config *config)
{
	/* It is left open: to close it removes what systemd has. */
	static struct listen_fds in;
	bool all = output_set_try(config);
	struct net_sockets sockets = { 0 };

	take_sockets(&in);
	for (size_t i = 0; i < config->listener_count; i++)
		all &= try_listener(&config->listeners[i], &sockets, &in);
	share_unwanted(&in);
	proc_net_free(&sockets);
	return all;
}
