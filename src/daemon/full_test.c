/* SPDX-License-Identifier: MIT */
#include "daemon/full_test.h"

#include <errno.h>

#include "output/output_set.h"
#include "system/fdstore.h"
#include "system/port_holder.h"
#include "system/sockets.h"

/* Whether a start would have the port, though bind(2) fails with this error. */
static bool
is_passed(const struct listener_config *config, int error,
	  const struct net_sockets *sockets)
{
	struct port_holder holder;

	if (error != EADDRINUSE && error != EACCES)
		return false;
	if (port_holder_find(sockets, config, &holder))
		return holder.is_ours;
	return error == EACCES && fdstore_available();
}

static bool
try_listener(const struct listener_config *config,
	     const struct net_sockets *sockets)
{
	struct listener_config any_port = *config;
	const char *action = sockets_try(config);
	int error = errno;

	if (action && is_passed(config, error, sockets)) {
		/* Its address and interface may be new. */
		any_port.port = 0;
		action = sockets_try(&any_port);
		error = errno;
	}
	errno = error;
	return !action || sockets_log_failure(config, action);
}

bool
full_test(const struct config *config)
{
	bool all = output_set_try(config);
	struct net_sockets sockets;

	proc_net_read(&sockets);
	for (size_t i = 0; i < config->listener_count; i++)
		all &= try_listener(&config->listeners[i], &sockets);
	proc_net_free(&sockets);
	return all;
}
