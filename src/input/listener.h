/* SPDX-License-Identifier: MIT */
/* listener: a listener at run time, TCP or UDP; what both have. */
#ifndef PORTLOG_INPUT_LISTENER_H
#define PORTLOG_INPUT_LISTENER_H

#include <stdbool.h>

#include "base/counters.h"
#include "config/config.h"
#include "input/batch.h"
#include "output/output_set.h"
#include "system/ledger.h"
#include "system/listen_fds.h"
#include "system/sockets.h"

struct poller; /* connection_crowd.h */
struct summary;

struct listener {
	const struct listener_config *config;
	char name[80]; /* config->name, or that of the port it got */
	/*
	 * And that with protocol, address and interface, as fdstore_name()
	 * makes it: no other has it, and it fits into KEPT_NAME.
	 */
	char key[FDSTORE_NAME];
	char kept[FDSTORE_NAME]; /* what systemd calls it while it keeps it */
	struct bound socket;     /* fd -1: closed */
	bool was_passed;         /* the socket, by systemd */
	bool is_counted;         /* and what it dropped was told so far */
	bool is_shared;          /* and it goes on with it when we are gone */
	struct listener_counters counters;
	struct pool pool;
	struct ledger *ledger; /* borrowed */
	struct poller *poller;
	struct summary *summary; /* of TCP: who folds notes; NULL: nobody */
};

/* Take the socket that was passed for it, if one was. */
void listener_find(struct listener *, const struct listener_config *,
		   struct listen_fds *);

/*
 * Then use it, or bind one, beside one that leaves its port if need be; false:
 * it could not be, and stderr was told why.  The outputs must outlive it;
 * input_size is what its threads read into, in bytes.
 */
bool listener_open(struct listener *, long backlog, bool beside,
		   struct output_set *, size_t input_size);

/*
 * Bind one and have it kept for the next process, which opens it.  NULL, or
 * what could not be done, as sockets_try() tells it.
 */
const char *listener_keep(struct listener *, const struct listener_config *,
			  long backlog, bool beside);

/* The counters for the next process; and those of the one before. */
void listener_save(const struct listener *, struct saved_listener *);
void listener_restore(struct listener *, const struct saved_listener *);

/*
 * It is about to end: whoever is not connected yet is not to be, and nobody is
 * to keep its socket for another process.
 */
void listener_stop_listening(const struct listener *);

/* Tell on stderr where it listens, or its counters. */
void listener_log(const struct listener *);
void listener_log_counters(const struct listener *);

/* Write a note of its own, of no peer: "EVENT KEY=VALUE ...". */
void listener_note(struct listener *, const char *text);

/*
 * Close the socket, which nobody may use any more; it ends with that, or goes
 * on in another process.
 */
void listener_close_socket(struct listener *, bool ends);

/* Free all; every batch must have been returned. */
void listener_close(struct listener *);

#endif
