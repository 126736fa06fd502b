/* SPDX-License-Identifier: MIT */
/*
 * connection_restore: continue with a connection of the process before this
 * one, after a restart or a kill.
 */
#ifndef PORTLOG_INPUT_CONNECTION_RESTORE_H
#define PORTLOG_INPUT_CONNECTION_RESTORE_H

#include "input/connection.h"

/*
 * Set up a connection from its entry in the state of that process, as the
 * reader gives it; the position that holds becomes the first.  bytes is the
 * unfinished record that was saved, or NULL; the connection owns it.  Without a
 * descriptor it has ended with that process.  false: the state has no place.
 * Main thread; does not block.
 */
bool connection_restore(struct connection *, struct state_connection *,
			unsigned char *bytes);

/*
 * First note what that process had in hand when it was killed, then continue
 * with the unfinished record.  The connection's thread; blocks on outputs.
 */
void connection_resume(struct connection *);

#endif
