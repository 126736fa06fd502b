/* SPDX-License-Identifier: MIT */
/*
 * listeners: all listeners of the configuration.  The main thread accepts for
 * those of TCP: see listeners_accept.h; a thread each drains those of UDP.  All
 * calls are the main thread's; none blocks on outputs.
 */
#ifndef PORTLOG_DAEMON_LISTENERS_H
#define PORTLOG_DAEMON_LISTENERS_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "input/listener.h"
#include "input/registry.h"
#include "output/output_set.h"
#include "system/inflight.h"
#include "system/listen_fds.h"
#include "system/state.h"

enum listeners_phase {
	LISTENERS_SERVING,
	LISTENERS_DRAINING,     /* a stop: see drain.h */
	LISTENERS_HANDING_OVER, /* a restart: see restart.h */
};

struct listeners {
	const struct config *config; /* borrowed, as are the outputs */
	struct output_set *outputs;
	struct registry registry;
	struct inflight inflight;
	struct state state;
	struct connection *waiting; /* for a thread; linked by poll_entry */
	long long start_at_ms;      /* not before */
	long long look_at_ms;       /* rebind_tend(): not before */
	long long warn_at_ms;       /* certificates_tend(): not before */
	size_t max_connections;
	enum listeners_phase phase;
	int wake_fd; /* an eventfd, rung when one of their threads is done */
	size_t count;
	struct listener *list;
};

/*
 * Take the sockets that systemd passed for them.  Both descriptors are
 * eventfds and borrowed: handover_fd is rung when threads are to end for a
 * restart.  false: stderr has the reason.
 */
bool listeners_find(struct listeners *, const struct config *,
		    size_t max_connections, struct output_set *, int wake_fd,
		    int handover_fd, struct listen_fds *);

/*
 * Bind the others, then start the threads of all.  beside: as listener_open()
 * has it.  false: stderr has the reason.
 */
bool listeners_open(struct listeners *, bool beside, const struct listen_fds *);
bool listeners_start(struct listeners *);

/* Log where they listen, or their counters, on stderr. */
void listeners_log(const struct listeners *);
void listeners_log_counters(const struct listeners *);

/*
 * Send connections into flight that are old enough, and start the threads of
 * those that wait for one; when to call it again is in *until_ms, if that is
 * sooner.
 */
void listeners_tend(struct listeners *, long long *until_ms);

/* Have a connection wait for its thread. */
void listeners_start_later(struct listeners *, struct connection *);

/*
 * Whether each thread that must make progress has made some since this was
 * last asked.
 */
bool listeners_are_alive(struct listeners *);

/* The text that `systemctl status` shows. */
void listeners_summarize(struct listeners *, char *out, size_t size);

/*
 * Once no connection is left: have the last summaries of notes written.  true:
 * they are.
 */
bool listeners_finish_summaries(struct listeners *);

/* Once they are drained or handed over: join the threads and free all. */
void listeners_close(struct listeners *);

#endif
