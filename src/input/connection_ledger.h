/* SPDX-License-Identifier: MIT */
/* connection_ledger: what the ledger has of a connection, and after a kill. */
#ifndef PORTLOG_INPUT_CONNECTION_LEDGER_H
#define PORTLOG_INPUT_CONNECTION_LEDGER_H

#include "input/connection.h"

/* A new connection; its thread is the only one to write from now on. */
void connection_ledger_enter(struct connection *);

/* It is dropped; systemd has not heard it yet, and never will if we die now. */
void connection_ledger_release(struct connection *);

/* More was read: where the stream stands then. */
void connection_ledger_read(struct connection *);

/* What is not held, and no record of the batch, is with the outputs. */
void connection_ledger_done(struct connection *);

/* All that is to be told of it is with the outputs. */
void connection_ledger_closed(struct connection *);
bool connection_ledger_was_closed(const struct connection *);

/* Go on behind what a process that was killed has read. */
void connection_resume(struct connection *);

/* Tell what that has cost; its thread does it, since outputs may stall. */
void connection_note_lost(struct connection *);

#endif
