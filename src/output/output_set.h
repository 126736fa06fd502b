/* SPDX-License-Identifier: MIT */
/* outputs: the set of outputs; a batch of records goes to each of them. */
#ifndef PORTLOG_OUTPUT_OUTPUT_SET_H
#define PORTLOG_OUTPUT_OUTPUT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "record/record.h"

struct outputs;

/*
 * Open all outputs of the configuration, which must outlive them.  NULL: one
 * could not be opened, and stderr was told.  When stdout loses its reader,
 * broken_fd, an eventfd, is rung.
 */
struct outputs *outputs_open(const struct config *, int broken_fd);

/* What outputs_emit() needs to render records of at most max_record bytes. */
size_t outputs_scratch(size_t max_record);

/*
 * Write records to the outputs of the set (bit n is output n).  Returns once
 * all of them have taken all; scratch is the caller's, of outputs_scratch()
 * bytes.  Any thread may call it.
 */
void outputs_emit(struct outputs *, uint64_t set, const struct record *,
		  size_t count, char *scratch, size_t size);

/*
 * Open all files anew, in a thread of its own if there can be one, since to
 * open a file may take long.
 */
void outputs_reopen(struct outputs *);

/* Whether all of them are done with it. */
bool outputs_are_reopened(const struct outputs *);

/* Wait a moment for the thread; false: it is still at it. */
bool outputs_settle(const struct outputs *);

/* Whether one of them is at a write: it may stand still. */
bool outputs_are_busy(struct outputs *);

/* Whether one of the set has lost its reader for good. */
bool outputs_are_broken(const struct outputs *, uint64_t set);

/* Tell where each writes, or its counters, on stderr. */
void outputs_tell(struct outputs *);
void outputs_tell_counters(struct outputs *);

/* output_freeze() for each, and a moment for whoever was about to write. */
void outputs_freeze(struct outputs *);

/*
 * Tell on stderr, for each output, how many records were handed over and not
 * written.  Returns their sum.
 */
unsigned long long outputs_tell_unwritten(struct outputs *);

/*
 * Close all; they must be settled, and no other thread in outputs_emit().
 * false: what was written may not be there after all, and stderr was told.
 */
bool outputs_close(struct outputs *);

#endif
