/* SPDX-License-Identifier: MIT */
/*
 * inflight: connections that outlive this process without a place each in the
 * fd store.  They are sent into a pair of sockets (unix(7), SCM_RIGHTS) whose
 * ends systemd stores, and nobody receives them: the kernel holds them in
 * flight.  The next process peeks at them, so that they stay there.
 *
 * A message cannot be changed: when a connection ends, its copy stays until its
 * message is dropped.  Messages are numbered from 1, in order.  RLIMIT_NOFILE
 * bounds what a user has in flight, and so what sd_notify(3) can send too: some
 * of that is left for it.  Not locked; no call blocks, but as fdstore.h says.
 */
#ifndef PORTLOG_SYSTEM_INFLIGHT_H
#define PORTLOG_SYSTEM_INFLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "system/listen_fds.h"

/* SCM_MAX_FD: the most that one message takes. */
#define INFLIGHT_FDS 253

/* The kernel's default buffer holds some 550 such messages. */
#define INFLIGHT_MESSAGES 512

struct inflight {
	int send_fd, receive_fd; /* -1: there is no fd store */
	uint64_t first, next;    /* messages from first to next - 1 are there */
	uint64_t peeked;         /* the next one to peek at */
	size_t count;            /* descriptors in them */
	uint8_t counts[INFLIGHT_MESSAGES]; /* of message n at n modulo this */
};

/*
 * Use the pair that systemd passed, or put a new one into the fd store.  Errors
 * are logged: then connections end with this process.  Main thread.
 */
void inflight_open(struct inflight *, struct listen_fds *);
void inflight_close(struct inflight *);

static inline bool
inflight_is_open(const struct inflight *inflight)
{
	return inflight->send_fd >= 0;
}

/*
 * Peek at the next message: its descriptors, duplicates that the caller owns;
 * false: the one before was the last.  *all: whether there was a number for
 * each of them; if not, the others are only in flight.
 */
bool inflight_peek(struct inflight *, int fds[INFLIGHT_FDS], size_t *count,
		   bool *all);

/* Send duplicates as message next - 1; false: no more are taken. */
bool inflight_send(struct inflight *, const int *fds, size_t count);

/* Drop all messages before that number. */
void inflight_drop(struct inflight *, uint64_t before);

/* Whether so many more would be too many. */
bool inflight_is_full(const struct inflight *, size_t more);

/*
 * For so many connections: whether the messages should be fewer; whether they
 * could be, or the descriptors in them.
 */
bool inflight_is_sparse(const struct inflight *, size_t connections);
bool inflight_is_loose(const struct inflight *, size_t connections);

#endif
