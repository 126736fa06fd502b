/* SPDX-License-Identifier: MIT */
/* receipts: streams that have ended, and that the other side has to close. */
#ifndef PORTLOG_CLIENT_PENDING_CLOSES_H
#define PORTLOG_CLIENT_PENDING_CLOSES_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

struct pending_closes {
	struct pollfd *sockets;
	char **names;
	size_t count, capacity;
	/* Called for each that fails; errno as of dial_receipt(). */
	void (*failed)(void *argument, const char *name);
	void *argument;
};

/* End a stream, which is to be closed and forgotten with its receipt. */
void pending_closes_add(struct pending_closes *, int fd, const char *name);

/* Wait until any comes, or so long; and sleep so long where none is due. */
void pending_closes_wait(struct pending_closes *, double most_s);

/* All that are still due have failed, and all is freed. */
void pending_closes_end(struct pending_closes *);

#endif
