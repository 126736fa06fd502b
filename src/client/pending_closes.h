/* SPDX-License-Identifier: MIT */
/*
 * pending_closes: streams that we end and the peer has not: its end is the
 * receipt.  One thread.
 */
#ifndef PORTLOG_CLIENT_PENDING_CLOSES_H
#define PORTLOG_CLIENT_PENDING_CLOSES_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "client/channel.h"

struct pending_closes {
	struct pollfd *sockets;
	struct channel *channels;
	char **names;
	size_t count, capacity;
	/* Called for each stream that fails; errno as of channel_end(). */
	void (*failed)(void *argument, const char *name, const char *reason);
	void *argument;
};

/* End our side of a stream, and take its channel over.  name is copied. */
void pending_closes_add(struct pending_closes *, const struct channel *,
			const char *name);

/*
 * Wait until a peer ends a stream or for timeout_s seconds, also if there are
 * no streams.  Closes those that have ended or failed.
 */
void pending_closes_wait(struct pending_closes *, double timeout_s);

/* Those that are left have failed, with ETIMEDOUT.  Free all. */
void pending_closes_end(struct pending_closes *);

#endif
