/* SPDX-License-Identifier: MIT */
/*
 * connection_io: from a connection's socket to records.  All calls are for the
 * thread that the connection belongs to: its own, or the poller's.
 */
#ifndef PORTLOG_INPUT_CONNECTION_IO_H
#define PORTLOG_INPUT_CONNECTION_IO_H

#include "input/connection.h"

/*
 * Add a frame, or all frames that are complete, to a batch: the bytes must
 * hold until that is written.  Blocks on outputs if it becomes full.
 * take_records: whether there was any.
 */
void connection_add_frame(struct connection *, struct batch *, enum frame,
			  const struct slice *);
bool connection_take_records(struct connection *, struct batch *);

/*
 * Write its own batch; a note into it; both.  The text must hold until it is
 * written.  Blocks on outputs.
 */
void connection_emit(struct connection *);
void connection_add_note(struct connection *, const char *text);
void connection_note(struct connection *, const char *text);

/*
 * Leave it to the next process, with the record that is unfinished.  From then
 * on it is the main thread's.
 */
void connection_hand_over(struct connection *);

/* Show what there is of an unfinished record, as a piece.  Blocks on outputs.
 */
void connection_flush(struct connection *);

/* When connection_flush() is due, on CLOCK_MONOTONIC; LLONG_MAX: never. */
long long connection_flush_at_ms(const struct connection *);

/*
 * Read once, if there is anything to read, and write the records.
 * ENDING_NONE, or how the connection has ended.  Blocks on outputs, and for
 * 0.1 s where the kernel is short of memory.  Where its source has sent too
 * much, nothing is read, and limited_until_ms says when to try again.
 */
enum ending connection_receive(struct connection *);

/* It in two: settle waits, where outputs do, for what was read to be safe. */
enum ending connection_read(struct connection *);
void connection_settle(struct connection *);

/*
 * The same, as the first of all.  If the stream has ended behind what was read,
 * these records are not written yet: one write then takes them and the end.
 */
enum ending connection_receive_first(struct connection *);

/*
 * The same for a batch that several connections share: read into its input,
 * from *used on, and add records without writing them.  Call
 * connection_written() once the batch was written.
 */
enum ending connection_receive_into(struct connection *, struct batch *,
				    size_t *used);
void connection_written(struct connection *);

#endif
