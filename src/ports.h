/* SPDX-License-Identifier: MIT */
/*
 * ports: all listeners and what receives for them.  The main thread polls
 * them, accepts for those of TCP, and has those of UDP drained by a thread
 * each.
 */
#ifndef PORTLOG_PORTS_H
#define PORTLOG_PORTS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "connections.h"
#include "outputs.h"
#include "tally.h"

struct port;

struct ports {
	struct connections connections;
	struct tally tally;
	atomic_ullong connection_number;
	size_t max_connections;
	bool stopping, tally_stopped;
	size_t count;
	struct port *list;
};

/*
 * Bind all listeners of the configuration, which must outlive them, as must
 * the outputs; then start their threads.  false: not all could be, and stderr
 * was told.  wake_fd is an eventfd that is rung when there is something to
 * look at: room for a connection, or a thread that is done.
 */
bool ports_open(struct ports *, const struct config *, size_t max_connections,
		struct outputs *, int wake_fd);
bool ports_start(struct ports *, int wake_fd);

/* Tell on stderr where they listen, or their counters. */
void ports_tell(const struct ports *);
void ports_tell_counters(const struct ports *);

/*
 * Fill one pollfd a port.  A port that rests, being full or short of
 * something, is left out, which is what keeps it from spinning; *until_ms is
 * brought forward to when one has rested enough.
 */
void ports_poll(struct ports *, struct pollfd *, long long *until_ms);

/* Accept for those that are ready. */
void ports_accept(struct ports *, const struct pollfd *);

/* Receive no more than what the kernel holds already. */
void ports_stop(struct ports *);

/*
 * After ports_stop(), whenever something has changed: accept whoever had
 * connected by then; true once all is received and written.
 */
bool ports_drain(struct ports *);

/* Tell on stderr what is left of the kernel's to read. */
void ports_tell_unread(struct ports *);

/* Once they are drained: join the threads and free all. */
void ports_close(struct ports *);

#endif
