/* SPDX-License-Identifier: MIT */
#include "client/pending_closes.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "client/dial.h"

/* Close and remove one; the last takes its place. */
static void
finish(struct pending_closes *all, size_t i, bool is_good)
{
	char *name = all->names[i];

	if (!is_good)
		all->failed(all->argument, name);
	close(all->sockets[i].fd);
	free(name);
	all->count--;
	all->sockets[i] = all->sockets[all->count];
	all->names[i] = all->names[all->count];
}

void
pending_closes_add(struct pending_closes *all, int fd, const char *name)
{
	size_t i = all->count++;

	if (i == all->capacity) {
		all->capacity = 2 * all->capacity + 16;
		all->sockets = memory_grow(all->sockets, all->capacity,
					   sizeof *all->sockets);
		all->names = memory_grow(all->names, all->capacity,
					 sizeof *all->names);
	}
	all->sockets[i] = (struct pollfd){ .fd = fd, .events = POLLIN };
	all->names[i] = memory_copy(name);
	if (shutdown(fd, SHUT_WR) != 0)
		finish(all, i, false);
}

void
pending_closes_wait(struct pending_closes *all, double timeout_s)
{
	struct timespec timeout = { .tv_sec = (time_t)timeout_s };

	timeout.tv_nsec = (long)((timeout_s - (double)timeout.tv_sec) * 1e9);
	if (ppoll(all->sockets, all->count, &timeout, NULL) <= 0)
		return;
	/* From the end: what finish() moves to i was checked already. */
	for (size_t i = all->count; i-- > 0;) {
		int fd = all->sockets[i].fd;

		if (all->sockets[i].revents && !dial_discard(fd))
			finish(all, i, dial_was_taken(fd));
	}
}

void
pending_closes_end(struct pending_closes *all)
{
	while (all->count > 0) {
		errno = ETIMEDOUT;
		finish(all, 0, false);
	}
	free(all->sockets);
	free(all->names);
}
