/* SPDX-License-Identifier: MIT */
/*
 * connection_rate: how much a connection may read, so that its source stays
 * within its rate.  What it may not read waits in the kernel, which lets the
 * peer send no more.  All calls are for the thread that the connection belongs
 * to; none blocks.
 */
#ifndef PORTLOG_INPUT_CONNECTION_RATE_H
#define PORTLOG_INPUT_CONNECTION_RATE_H

#include "input/connection.h"

/* Its peer is known; without a limit its source stays NULL. */
void connection_rate_begin(struct connection *);
void connection_rate_end(struct connection *);

/*
 * How many of so many bytes it may read now; then call done.  0: none, and
 * limited_until_ms says when to ask again.
 */
size_t connection_rate_take(struct connection *, size_t bytes);
void connection_rate_done(struct connection *);

#endif
