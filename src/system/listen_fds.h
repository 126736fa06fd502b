/* SPDX-License-Identifier: MIT */
/*
 * listen_fds: the descriptors that systemd passed to this process: the sockets
 * of socket units (systemd.socket(5)), and what the process before this one put
 * into the fd store: its listeners and its state.  Main thread; no call blocks
 * but as fdstore.h says.
 */
#ifndef PORTLOG_SYSTEM_LISTEN_FDS_H
#define PORTLOG_SYSTEM_LISTEN_FDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "system/fdstore.h"
#include "system/state_reader.h"

struct listen_fds {
	size_t count;
	int *fds;                     /* -1: taken, not yet from the fd store */
	char **names;                 /* NULL: taken */
	struct state_reader previous; /* of the process before this one */
	uint64_t generation; /* of the newest state, understood or not; or 0 */
};

/* Collect them all, and read the newest state that is whole. */
void listen_fds_open(struct listen_fds *);

/*
 * Whether a socket unit with Accept=yes passed a connection, of which the
 * process before this one knew nothing; stderr says so.
 */
bool listen_fds_refuse_accepted(const struct listen_fds *);

/*
 * The socket for a listener: the one that has its name, else one that is bound
 * as the configuration asks; -1: there is none.  The caller owns it.
 * store_name is its name in the fd store; empty: a socket unit owns it, and it
 * outlives this process.
 */
int listen_fds_take_listener(struct listen_fds *,
			     const struct listener_config *, const char *name,
			     char store_name[FDSTORE_NAME]);

/*
 * The next listener of the fd store that was not taken, and its name there;
 * -1: no more.  The caller owns it.
 */
int listen_fds_take_unwanted(struct listen_fds *,
			     char store_name[FDSTORE_NAME]);

/* A descriptor of this name, the caller's from now on; -1: there is none. */
int listen_fds_take(struct listen_fds *, const char *name);

/*
 * The next connection that 0.1.0 stored, behind *next descriptors; -1: no more.
 * The caller owns it, and calls listen_fds_close() once it is elsewhere.
 */
int listen_fds_take_connection(struct listen_fds *, size_t *next);

/*
 * The saved bytes that a connection's state refers to: allocated, the caller's;
 * NULL: there are none, or no memory.
 */
unsigned char *listen_fds_read_bytes(const struct listen_fds *,
				     const struct state_saved *);

/*
 * Close all that was not taken, and remove it from the fd store, but for saved
 * bytes that are not received yet: the new state refers to them.
 */
void listen_fds_close(struct listen_fds *);

#endif
