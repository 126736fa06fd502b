/* SPDX-License-Identifier: MIT */
/*
 * inherited: the descriptors that systemd has passed to this process: sockets
 * that it has bound for us (systemd.socket(5)), and what the process before us
 * has had it keep: its listeners, its connections, and what it knew of them.
 */
#ifndef PORTLOG_SYSTEM_LISTEN_FDS_H
#define PORTLOG_SYSTEM_LISTEN_FDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "system/notify.h"
#include "system/saved_state.h"

struct inherited {
	size_t count;
	int *fds;
	char **names;         /* NULL: taken */
	unsigned char *state; /* what kept.h reads; NULL: there is none */
	size_t state_size;
};

/* Take stock. */
void inherited_open(struct inherited *);

/*
 * The socket for a listener of this name: one that systemd has bound for it by
 * name, or one that is bound as it asks for; -1: there is none.  kept is what
 * it is kept as; empty: it is systemd's own, which goes on with it when we are
 * gone.
 */
int inherited_listener(struct inherited *, const struct listener_config *,
		       const char *name, char kept[SERVICE_NAME]);

/*
 * The next of the listeners that were kept and that nobody took, and its key;
 * -1: no more.
 */
int inherited_unwanted(struct inherited *, char key[SERVICE_NAME]);

/* One more, of this name, as if it had been passed. */
void inherited_add(struct inherited *, int fd, const char *name);

/* The number of the last connection, of those that are known of. */
uint64_t inherited_last_number(const struct inherited *);

/* The next connection, its number and its listener's key; -1: no more. */
int inherited_connection(struct inherited *, uint64_t *number,
			 char listener[SERVICE_NAME]);

/* A descriptor of this name, the caller's from now on; -1: there is none. */
int inherited_take(struct inherited *, const char *name);

/* What is known of a listener or a connection; false and all zero: nothing. */
bool inherited_of_listener(const struct inherited *, const char *name,
			   struct kept_listener *);
bool inherited_of_connection(const struct inherited *, uint64_t number,
			     struct kept_connection *,
			     const unsigned char **held);

/* Close all that nobody took, and have it kept no longer. */
void inherited_close(struct inherited *);

/* What they are called while systemd keeps them. */
#define INHERITED_STATE "state"
void inherited_listener_name(char out[SERVICE_NAME], const char *listener);
void inherited_connection_name(char out[SERVICE_NAME], uint64_t number,
			       const char *listener);

#endif
