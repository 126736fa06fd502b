/* SPDX-License-Identifier: MIT */
/* connection_view: what others may know of a connection. */
#ifndef PORTLOG_INPUT_CONNECTION_VIEW_H
#define PORTLOG_INPUT_CONNECTION_VIEW_H

#include "input/connection.h"

struct connection_view {
	const struct listener *listener; /* borrowed */
	struct address peer, proxy;      /* size 0: none has told of it */
	uint64_t number;
	uint64_t records, bytes; /* of all processes, as of the last read */
	unsigned unread;         /* bytes that the kernel holds */
	long long opened_ms;     /* these on CLOCK_MONOTONIC */
	long long received_ms;   /* when data came last, or it was opened */
};

/* Look at a connection by its entry, with the registry's lock.  Any thread. */
void connection_look(const struct registry_entry *, struct connection_view *);

#endif
