/* SPDX-License-Identifier: MIT */
#include "client/pending_closes.h"

#include <errno.h>
#include <stdlib.h>

#include "base/memory.h"

/*
 * Close and remove one, which has failed unless errno is 0.  The last takes its
 * place.
 */
static void
finish(struct pending_closes *all, size_t i)
{
	char *name = all->names[i];

	if (errno != 0)
		all->failed(all->argument, name,
			    channel_reason(&all->channels[i]));
	channel_close(&all->channels[i]);
	free(name);
	all->count--;
	all->sockets[i] = all->sockets[all->count];
	all->channels[i] = all->channels[all->count];
	all->names[i] = all->names[all->count];
}

static void
continue_end(struct pending_closes *all, size_t i)
{
	if (channel_end(&all->channels[i]))
		all->sockets[i].events =
			channel_events(&all->channels[i], false);
	else
		finish(all, i);
}

void
pending_closes_add(struct pending_closes *all, const struct channel *channel,
		   const char *name)
{
	size_t i = all->count++;

	if (i == all->capacity) {
		all->capacity = 2 * all->capacity + 16;
		all->sockets = memory_grow(all->sockets, all->capacity,
					   sizeof *all->sockets);
		all->channels = memory_grow(all->channels, all->capacity,
					    sizeof *all->channels);
		all->names = memory_grow(all->names, all->capacity,
					 sizeof *all->names);
	}
	all->sockets[i] = (struct pollfd){ .fd = channel->fd };
	all->channels[i] = *channel;
	all->names[i] = memory_copy(name);
	continue_end(all, i);
}

void
pending_closes_wait(struct pending_closes *all, double timeout_s)
{
	struct timespec timeout = { .tv_sec = (time_t)timeout_s };

	timeout.tv_nsec = (long)((timeout_s - (double)timeout.tv_sec) * 1e9);
	if (ppoll(all->sockets, all->count, &timeout, NULL) <= 0)
		return;
	/* From the end: what finish() moves to i was checked already. */
	for (size_t i = all->count; i-- > 0;)
		if (all->sockets[i].revents)
			continue_end(all, i);
}

void
pending_closes_end(struct pending_closes *all)
{
	while (all->count > 0) {
		errno = ETIMEDOUT;
		finish(all, 0);
	}
	free(all->sockets);
	free(all->channels);
	free(all->names);
}
