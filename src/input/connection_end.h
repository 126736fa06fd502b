/* SPDX-License-Identifier: MIT */
/*
 * connection_end: the last of a connection: what it left unfinished, its note,
 * and the FIN, which is the receipt for all that it sent.  Each frees the
 * connection.
 */
#ifndef PORTLOG_INPUT_CONNECTION_END_H
#define PORTLOG_INPUT_CONNECTION_END_H

#include "input/connection.h"

/*
 * End a connection whose stream has ended in this way; nobody else may read for
 * it.  It blocks on the outputs, and until all is on the disk where that is
 * asked for.  Its thread, or the poller.
 */
void connection_end(struct connection *, enum ending);

/* Close it: its outputs have all that it sent.  Its thread, or the poller. */
void connection_leave(struct connection *);

/*
 * Reset it: not all that it sent is in the log, or for sure on the disk.  Its
 * thread, or the poller.
 */
void connection_turn_away(struct connection *);

#endif
