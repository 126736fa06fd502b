/* SPDX-License-Identifier: MIT */
#include "client/log_watch.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define WAIT_MS 1000

/* Where inotify(7) has no watch left, or files are written from elsewhere. */
#define LOOK_MS 200

/* Lines that come together are shown together, at this rate at most. */
#define PAUSE_MS 20

void
log_watch_init(struct log_watch *watch)
{
	watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

void
log_watch_add(struct log_watch *watch, const char *path)
{
	const char *slash = strrchr(path, '/');
	char directory[PATH_MAX];

	snprintf(directory, sizeof directory, "%.*s",
		 slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	if (watch->fd >= 0 &&
	    inotify_add_watch(watch->fd, directory,
			      IN_MODIFY | IN_CREATE | IN_MOVE) < 0) {
		close(watch->fd);
		watch->fd = -1;
	}
}

bool
log_watch_wait(struct log_watch *watch)
{
	struct pollfd ready[] = {
		{ .fd = STDOUT_FILENO },
		{ .fd = watch->fd, .events = POLLIN },
	};

	poll(ready, 2, watch->fd < 0 ? LOOK_MS : WAIT_MS);
	if (ready[0].revents & (POLLERR | POLLHUP))
		return false;
	if (ready[1].revents & POLLIN) {
		char events[4096];

		while (read(watch->fd, events, sizeof events) > 0)
			;
		poll(ready, 1, PAUSE_MS);
	}
	return true;
}
