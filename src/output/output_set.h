/* SPDX-License-Identifier: MIT */
/*
 * output_set: all outputs of the configuration.
 *
 * The folder output/ writes records: to stdout and files (line_writer.c), to
 * the syslog daemon (syslog.c) and to the journal (journal.c).
 * output_set_emit() renders a batch of records once for each format and
 * max_line, and passes it to each output.  It returns when all of them have
 * written it, so that slow outputs slow down the receiving threads, and through
 * them the peers.
 */
#ifndef PORTLOG_OUTPUT_OUTPUT_SET_H
#define PORTLOG_OUTPUT_OUTPUT_SET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "record/record.h"

struct output;
struct output_set;

/*
 * Open all outputs of the configuration, which must outlive them.  NULL: one
 * could not be opened, and stderr has the reason.  The descriptors are eventfds
 * and borrowed: broken_fd is rung when stdout has lost its reader, wake_fd when
 * a file was reopened.  Main thread.
 */
struct output_set *output_set_open(const struct config *, int wake_fd,
				   int broken_fd);

/*
 * Start the threads of those that have one.  false: stderr has the reason.
 * These two are of the state, and borrowed: run is for notes, and all_doubts
 * counts syncs that failed.  Main thread.
 */
bool output_set_start(struct output_set *, const char *run,
		      atomic_uint *all_doubts);

/*
 * Open each output as output_set_open() does, and close it again; files stay as
 * they are, or absent.  false: stderr has the reason for each that could not be
 * opened.  Any thread; may block in open(2).
 */
bool output_set_try(const struct config *);

/* Bit n: output number n writes notes, as all do but raw.  Any thread. */
uint64_t output_set_with_notes(const struct output_set *);

/* How many descriptors they have open at the most.  Any thread. */
size_t output_set_descriptors(const struct config *);

/*
 * Write records to the outputs of the mask: bit n is output n.  Returns when
 * each output has written all of them, or is broken.  scratch has size bytes,
 * which render_scratch_size() returned; the caller owns it.  Returns the
 * doubts of those of output_set_syncing(), as each was about to write.  Any
 * thread but the main one: it blocks on outputs.
 */
unsigned output_set_emit(struct output_set *, uint64_t mask,
			 const struct record *, size_t count, char *scratch,
			 size_t size);

/* Those of the mask where all must have settled before more is read. */
uint64_t output_set_syncing(const struct output_set *, uint64_t mask);

/* Whether one of them has to be synced before a receipt.  Any thread. */
bool output_set_has_sync(const struct output_set *, uint64_t mask);

/*
 * How often what was written to these outputs has come in doubt.  Any thread.
 */
unsigned output_set_doubts(const struct output_set *, uint64_t mask);

/*
 * Wait until all that was written to these outputs is safe, as each is set up,
 * or in doubt; returns their doubts then.  Are these not what they were before
 * it was written, write again what is in hand, and give no receipt for what is
 * not.  As output_set_emit().
 */
unsigned output_set_settle(struct output_set *, uint64_t mask);

/*
 * Have all files opened again by their paths; do it.  The second may block in
 * open(2): any thread but the main one.
 */
void output_set_request_reopen(struct output_set *);
void output_set_reopen(struct output_set *);

/* Whether each requested reopen was tried, with success or not. */
bool output_set_is_reopened(const struct output_set *);

/*
 * Whether a thread is writing to one of them, or settles it: a thread that
 * makes no progress may be waiting for that.  Any thread.
 */
bool output_set_is_writing(struct output_set *);

/*
 * Whether one of the mask is broken: stdout has lost its reader, and records
 * are no longer written to it.  Any thread.
 */
bool output_set_is_broken(const struct output_set *, uint64_t mask);

/* Each of them, by its place in the configuration.  Any thread. */
const struct output *output_set_get(const struct output_set *, size_t number);

/* Log where each writes, or its counters, on stderr.  Main thread. */
void output_set_log(struct output_set *);
void output_set_log_counters(struct output_set *);

/*
 * output_abandon() for each, then a short wait for threads that were about to
 * write.  Takes a third of a second at the most.  Main thread.
 */
void output_set_abandon(struct output_set *);

/*
 * Log on stderr, for each output, how many records it has not written.
 * Returns their sum.  Main thread.
 */
unsigned long long output_set_log_unwritten(struct output_set *);

/*
 * Log on stderr, for each output that syncs, how many bytes it has not.  Once
 * it is abandoned: else the close syncs them.  Main thread.
 */
void output_set_log_unsynced(struct output_set *);

/*
 * Close all and free the set.  No other thread may use it any more.  false:
 * close(2) failed, so that written records may be missing; stderr has the
 * reason.  Main thread.
 */
bool output_set_close(struct output_set *);

#endif
