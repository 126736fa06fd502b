/* SPDX-License-Identifier: MIT */
/*
 * listen_fds: the descriptors that systemd passed to this process: the sockets
 * of socket units (systemd.socket(5)), and what the process before this one put
 * into the fd store: its listeners, its connections and their saved state.
 * Main thread; no call blocks but as fdstore.h says.
 */
#ifndef PORTLOG_SYSTEM_LISTEN_FDS_H
#define PORTLOG_SYSTEM_LISTEN_FDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "system/fdstore.h"
#include "system/saved_state.h"

struct listen_fds {
	size_t count;
	int *fds;
	char **names;         /* NULL: taken */
	unsigned char *state; /* for saved_state.h; NULL: there is none */
	size_t state_size;
};

/* Collect them all. */
void listen_fds_open(struct listen_fds *);

/*
 * Whether a socket unit with Accept=yes passed a connection, of which the
 * process before this one knew nothing; stderr says so.
 */
bool listen_fds_refuse_accepted(const struct listen_fds *);

/*
 * The socket for a listener: the one that has its name, else one that is bound
 * as the configuration asks; -1: there is none.  The caller owns it.  kept is
 * its name in the fd store; empty: a socket unit owns it, and it outlives this
 * process.
 */
int listen_fds_take_listener(struct listen_fds *,
			     const struct listener_config *, const char *name,
			     char kept[FDSTORE_NAME]);

/*
 * The next listener of the fd store that was not taken, and its key; -1: no
 * more.  The caller owns it.
 */
int listen_fds_take_unwanted(struct listen_fds *, char key[FDSTORE_NAME]);

/* One more, of this name, as if it had been passed. */
void listen_fds_add(struct listen_fds *, int fd, const char *name);

/* The number of the last connection, of those that are known of. */
uint64_t listen_fds_last_number(const struct listen_fds *);

/* The next connection, its number and its listener's key; -1: no more. */
int listen_fds_take_connection(struct listen_fds *, uint64_t *number,
			       char listener[FDSTORE_NAME]);

/* A descriptor of this name, the caller's from now on; -1: there is none. */
int listen_fds_take(struct listen_fds *, const char *name);

/* What is known of a listener or a connection; false and all zero: nothing. */
bool listen_fds_listener_state(const struct listen_fds *, const char *name,
			       struct saved_listener *);
bool listen_fds_connection_state(const struct listen_fds *, uint64_t number,
				 struct saved_connection *,
				 const unsigned char **held);

/* Close all that was not taken, and remove it from the fd store. */
void listen_fds_close(struct listen_fds *);

/* Their names in the fd store. */
#define LISTEN_FDS_STATE "state"
void listen_fds_listener_name(char out[FDSTORE_NAME], const char *listener);
void listen_fds_connection_name(char out[FDSTORE_NAME], uint64_t number,
				const char *listener);

#endif
