/* SPDX-License-Identifier: MIT */
/*
 * connection_ledger: what the ledger holds of a connection, for the process
 * after a kill.  Only the thread that the connection belongs to writes it.  No
 * call blocks.
 */
#ifndef PORTLOG_INPUT_CONNECTION_LEDGER_H
#define PORTLOG_INPUT_CONNECTION_LEDGER_H

#include "input/connection.h"

/* Claim an entry for a new connection. */
void connection_ledger_enter(struct connection *);

/*
 * Call it once the connection is removed from the fd store.  If this
 * process ends before systemd reads that, the connection comes back: the entry
 * stays readable until another connection needs its place.
 */
void connection_ledger_release(struct connection *);

/* More was read: where the stream stands now. */
void connection_ledger_read(struct connection *);

/* The outputs have all records; only what the framer holds is in hand. */
void connection_ledger_written(struct connection *);

/* The outputs have all of it, the last note too: only to be closed. */
void connection_ledger_closed(struct connection *);
bool connection_ledger_was_closed(const struct connection *);

#endif
