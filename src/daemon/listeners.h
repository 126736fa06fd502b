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
struct retired_listener;

struct listeners {
	struct registry registry;
	struct ledger ledger;
	atomic_ullong connection_number;
	struct output_set *outputs; /* borrowed */
	size_t max_connections;
	bool stopping, is_parking, summaries_stopped;
	size_t count;
	struct port *list;
	struct retired_listener *retired; /* NULL: there are none */
};

/*
 * Bind all listeners of the configuration, which must outlive them, as must
 * the outputs; then start their threads.  false: not all could be, and stderr
 * was told.  wake_fd is an eventfd that is rung when there is something to
 * look at: room for a connection, or a thread that is done.
 */
bool listeners_open(struct listeners *, const struct config *,
		    size_t max_connections, struct output_set *, int wake_fd,
		    int handover_fd, struct listen_fds *);
bool listeners_start(struct listeners *, int wake_fd, struct listen_fds *);

/*
 * Without opening any: bind those listeners whose ports need a capability and
 * have systemd keep them for the process that opens them, without it.  false:
 * not all could be, or there is no systemd, and stderr was told.
 */
bool low_ports_bind(const struct config *);

/* Tell on stderr where they listen, or their counters. */
void listeners_log(const struct listeners *);
void listeners_log_counters(const struct listeners *);

/*
 * Fill one pollfd a port.  A port that rests, being full or short of
 * something, is left out, which is what keeps it from spinning; *until_ms is
 * brought forward to when one has rested enough.
 */
void listeners_poll(struct listeners *, struct pollfd *, long long *until_ms);

/* Accept for those that are ready. */
void listeners_accept(struct listeners *, const struct pollfd *);

/* Receive no more than what the kernel holds already. */
void drain_begin(struct listeners *);

/*
 * After drain_begin(), whenever something has changed: accept whoever had
 * connected by then; true once all is received and written.
 */
bool drain_continue(struct listeners *);

/*
 * In place of drain_begin() and drain_continue(): have all threads end between
 * two reads and leave the rest to the next process; true once all have.  Then
 * everything is kept that it needs to know, of those that have.
 */
size_t restart_fd_count(struct listeners *); /* how many that leaves */
void restart_begin(struct listeners *);
bool restart_is_ready(struct listeners *);
void restart_hand_over(struct listeners *);

/*
 * Whether each thread that has to make progress has made some since this was
 * asked last.
 */
bool listeners_are_alive(struct listeners *);

/* What `systemctl status` shows of them. */
void listeners_summarize(struct listeners *, char *out, size_t size);

/* Tell on stderr what is left of the kernel's to read. */
void drain_log_unread(struct listeners *);

/* Once they are drained: join the threads and free all. */
void listeners_close(struct listeners *);

#endif
