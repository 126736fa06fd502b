/* SPDX-License-Identifier: MIT */
/*
 * connection_memory: where the bytes of a connection are.  What it reads goes
 * to a batch, its own or a shared one; what of it is in no record yet waits in
 * memory of its own if it is short, so that the batch serves others.  All calls
 * are for the thread that the connection belongs to.
 */
#ifndef PORTLOG_INPUT_CONNECTION_MEMORY_H
#define PORTLOG_INPUT_CONNECTION_MEMORY_H

#include "input/connection.h"

/*
 * Borrow a batch, if it has none.  Without memory it waits; try does not, and
 * returns false.
 */
void connection_borrow(struct connection *);
bool connection_try_borrow(struct connection *);

/*
 * Return the batch, if it has one, which must be settled.  With a long record
 * unfinished it stays.
 */
void connection_give_back(struct connection *);

/* Use so many bytes of a shared batch. */
void connection_share(struct connection *, unsigned char *memory,
		      size_t capacity);

/*
 * Leave those: with a long record unfinished, for a batch of its own, which may
 * wait as connection_borrow() does.
 */
void connection_leave_shared(struct connection *);

#endif
