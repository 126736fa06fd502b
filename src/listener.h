/* SPDX-License-Identifier: MIT */
/* listener: a listener at run time, TCP or UDP; what both have. */
#ifndef PORTLOG_LISTENER_H
#define PORTLOG_LISTENER_H

#include <stdbool.h>

#include "batch.h"
#include "config.h"
#include "counters.h"
#include "outputs.h"
#include "sockets.h"

struct listener {
	const struct listener_config *config;
	char name[80];       /* config->name, or that of the port it got */
	struct bound socket; /* fd -1: closed */
	struct listener_counters counters;
	struct pool pool;
};

/*
 * Bind it; false: it could not be, and stderr was told why.  The outputs must
 * outlive it; input_size is what its threads read into, in bytes.
 */
bool listener_open(struct listener *, const struct listener_config *,
		   long backlog, struct outputs *, size_t input_size);

/* Tell on stderr where it listens, or its counters. */
void listener_tell(const struct listener *);
void listener_tell_counters(const struct listener *);

/* Write a note of its own, of no peer: "EVENT KEY=VALUE ...". */
void listener_note(struct listener *, const char *text);

/* Close the socket: nobody may use it any more. */
void listener_close_socket(struct listener *);

/* Free all; every batch must have been returned. */
void listener_close(struct listener *);

#endif
