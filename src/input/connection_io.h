/* SPDX-License-Identifier: MIT */
/* connection_read: what a connection's thread does while it lasts. */
#ifndef PORTLOG_INPUT_CONNECTION_IO_H
#define PORTLOG_INPUT_CONNECTION_IO_H

#include "input/connection.h"

enum ending {
	ENDING_NONE,
	ENDING_EOF,
	ENDING_RESET,
	ENDING_IDLE,
	ENDING_SHUTDOWN,
	ENDING_BAD_FRAME,
	ENDING_ERROR,
	ENDING_PARKED, /* it goes on in another process */
};

/* Memory is in hand only while there is data in it, or about to be. */
void connection_borrow(struct connection *);
void connection_give_back(struct connection *);

/* Add a frame to the batch; its bytes must hold until that is emitted. */
void connection_add_frame(struct connection *, enum frame,
			  const struct slice *);

/* Add all records that are there; whether any was. */
bool connection_take_records(struct connection *);

/* Receive bytes that the process before us has read, and held. */
void connection_receive_held(struct connection *, const unsigned char *held,
			     size_t size);

/* Write a note of its own. */
void connection_note(struct connection *, const char *text);

/* Have all that was added written, unless it is in a batch that is shared. */
void connection_emit(struct connection *);

/* Read what there is, if anything: ENDING_NONE, or how it has ended. */
enum ending connection_receive(struct connection *);

/*
 * The same, but for a batch that others share: records are added to it and not
 * emitted, and what is read goes to its input, *used bytes of which are in use.
 * Once it was emitted, the connection is to be told that it shares it no more.
 */
enum ending connection_receive_shared(struct connection *, struct batch *,
				      size_t *used);
void connection_unshare(struct connection *);

/*
 * Wait until there is something to read or to do, and do it: ENDING_NONE, or
 * how the connection has ended.
 */
enum ending connection_wait(struct connection *);

#endif
