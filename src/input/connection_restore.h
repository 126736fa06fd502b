/* SPDX-License-Identifier: MIT */
/* connection_restore: a connection from one process to the next. */
#ifndef PORTLOG_INPUT_CONNECTION_RESTORE_H
#define PORTLOG_INPUT_CONNECTION_RESTORE_H

#include "base/buffer.h"
#include "input/connection.h"
#include "system/saved_state.h"

/*
 * Go on with a connection that an earlier process accepted; its entry has a
 * descriptor and a peer.  saved and held, the bytes of an unfinished record,
 * are not needed once this has returned.  Before its thread starts.
 */
void connection_restore(struct connection *, const struct saved_connection *,
			const unsigned char *held);

/*
 * Note the bytes that a killed process had in hand.  The connection's thread:
 * it blocks on outputs.
 */
void connection_note_lost(struct connection *);

/*
 * Add a connection that was left open to the saved state, close its descriptor
 * and free it.  Main thread.
 */
void connection_save(struct connection *, struct buffer *);

#endif
