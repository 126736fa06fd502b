/* SPDX-License-Identifier: MIT */
/*
 * reopen: on SIGHUP, all that is read or written by its path is opened anew:
 * the files of outputs, the certificates of listeners.  open(2) may block, so
 * that a thread calls it.  All calls are the main thread's.
 */
#ifndef PORTLOG_DAEMON_REOPEN_H
#define PORTLOG_DAEMON_REOPEN_H

#include <stdatomic.h>

#include "daemon/listeners.h"
#include "output/output_set.h"

struct reopen {
	struct listeners *listeners; /* borrowed, as the outputs */
	struct output_set *outputs;
	int done_fd; /* an eventfd, rung by a thread as its last act: until the
		      * process ends it stays open; borrowed */
	long long until_ms;  /* systemd is told by then; 0: it has been */
	atomic_uint threads; /* that run; it must outlive them */
};

/* Start; it blocks if there can be no thread.  systemd is told. */
void reopen_begin(struct reopen *);

/* Tell systemd once it is done; until then *until_ms is when to look again. */
void reopen_tend(struct reopen *, long long *until_ms);

/*
 * Wait a moment for what is under way.  false: it still is, so what it uses
 * must not be freed.
 */
bool reopen_finish(struct reopen *);

#endif
