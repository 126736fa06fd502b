/* SPDX-License-Identifier: MIT */
/*
 * connection_progress: what the state says of a connection, so that the next
 * process can continue with it.  Only the thread that the connection belongs to
 * writes it; before that has started, the main thread.  No call blocks.
 */
#ifndef PORTLOG_INPUT_CONNECTION_PROGRESS_H
#define PORTLOG_INPUT_CONNECTION_PROGRESS_H

#include "input/connection.h"

/*
 * Take an entry of the state for a connection that was accepted, or that the
 * process before this one had: then all that its entry says goes on.  false:
 * there is no place.
 */
bool connection_progress_begin(struct connection *,
			       const struct state_connection *previous);

/* Nothing was read yet: only syncs that fail from now on concern it. */
void connection_progress_trust(struct connection *);

/* Give it back: the peer has seen the end of the stream. */
void connection_progress_end(struct connection *);

/*
 * For a read over a Unix socket: the kernel writes here how much it has given,
 * also where a kill keeps us from publishing that.  NULL: it is TCP, where the
 * kernel counts that itself.
 */
struct mmsghdr *connection_progress_message(struct connection *);

/*
 * A PROXY header of so many bytes was read, and is to be taken from the stream:
 * it told of a peer, or NULL.  Afterwards that it was taken.
 */
void connection_progress_header(struct connection *, const struct address *told,
				size_t size);
void connection_progress_header_taken(struct connection *);

/* The handshake of TLS is about to be read. */
void connection_progress_handshake(struct connection *);

/* More was read: where the stream stands now. */
void connection_progress_read(struct connection *);

/*
 * The outputs have all records, unless one is broken; only what is in none is
 * in hand.
 */
void connection_progress_written(struct connection *);

/* The outputs have all of it, the last note too: only to be closed. */
void connection_progress_closed(struct connection *);
bool connection_progress_was_closed(const struct connection *);

/* For a restart: save the unfinished record too. */
void connection_progress_save(struct connection *);

#endif
