/* SPDX-License-Identifier: MIT */
/*
 * ports: all listeners and what receives for them.  The main thread polls
 * them, accepts for those of TCP, and has those of UDP drained by a thread
 * each.
 */
#ifndef PORTLOG_DAEMON_LISTENERS_H
#define PORTLOG_DAEMON_LISTENERS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "input/registry.h"
#include "output/output_set.h"
#include "system/ledger.h"
#include "system/listen_fds.h"

struct port;
struct orphan;

struct ports {
	struct connections connections;
	struct ledger ledger;
	atomic_ullong connection_number;
	struct outputs *outputs; /* borrowed */
	size_t max_connections;
	bool stopping, is_parking, tally_stopped;
	size_t count;
	struct port *list;
	struct orphan *orphans; /* NULL: there are none */
};

/*
 * Bind all listeners of the configuration, which must outlive them, as must
 * the outputs; then start their threads.  false: not all could be, and stderr
 * was told.  wake_fd is an eventfd that is rung when there is something to
 * look at: room for a connection, or a thread that is done.
 */
bool ports_open(struct ports *, const struct config *, size_t max_connections,
		struct outputs *, int wake_fd, int park_fd, struct inherited *);
bool ports_start(struct ports *, int wake_fd, struct inherited *);

/*
 * Without opening any: bind those listeners whose ports need a capability and
 * have systemd keep them for the process that opens them, without it.  false:
 * not all could be, or there is no systemd, and stderr was told.
 */
bool ports_keep_low(const struct config *);

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

/*
 * In place of ports_stop() and ports_drain(): have all threads end between two
 * reads and leave the rest to the next process; true once all have.  Then
 * everything is kept that it needs to know, of those that have.
 */
size_t ports_descriptors(struct ports *); /* how many that leaves */
void ports_park(struct ports *);
bool ports_are_parked(struct ports *);
void ports_hand_over(struct ports *);

/*
 * Whether each thread that has to make progress has made some since this was
 * asked last.
 */
bool ports_are_alive(struct ports *);

/* What `systemctl status` shows of them. */
void ports_summarize(struct ports *, char *out, size_t size);

/* Tell on stderr what is left of the kernel's to read. */
void ports_tell_unread(struct ports *);

/* Once they are drained: join the threads and free all. */
void ports_close(struct ports *);

#endif
