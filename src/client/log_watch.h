/* SPDX-License-Identifier: MIT */
/*
 * log_watch: wait until something is written to a log.  One thread.
 */
#ifndef PORTLOG_CLIENT_LOG_WATCH_H
#define PORTLOG_CLIENT_LOG_WATCH_H

#include <stdbool.h>

struct log_watch {
	int fd; /* of inotify(7); -1: there is none, look again and again */
};

void log_watch_init(struct log_watch *);

/* Watch the directory of a log, as the log may be replaced. */
void log_watch_add(struct log_watch *, const char *path);

/*
 * Wait until something may have happened to a log, a second at most.  false:
 * nobody reads stdout any more.
 */
bool log_watch_wait(struct log_watch *);

#endif
