/* SPDX-License-Identifier: MIT */
/* outputs: the set of outputs; a batch of records goes to each of them. */
#ifndef PORTLOG_OUTPUT_OUTPUT_SET_H
#define PORTLOG_OUTPUT_OUTPUT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "record/record.h"

struct output_set;

/*
 * Open all outputs of the configuration, which must outlive them.  NULL: one
 * could not be opened, and stderr was told.  When stdout loses its reader,
 * broken_fd, an eventfd, is rung.
 */
struct output_set *output_set_open(const struct config *, int wake_fd,
				   int broken_fd);

/* What output_set_emit() needs to render records of at most max_record bytes.
 */
size_t output_set_scratch_size(size_t max_record);

/*
 * Write records to the outputs of the set (bit n is output n).  Returns once
 * all of them have taken all; scratch is the caller's, of
 * output_set_scratch_size() bytes.  Any thread may call it.
 */
void output_set_emit(struct output_set *, uint64_t set, const struct record *,
		     size_t count, char *scratch, size_t size);

/*
 * Open all files anew, in a thread of its own if there can be one, since to
 * open a file may take long.
 */
void output_set_reopen(struct output_set *);

/* Whether all of them are done with it. */
bool output_set_is_reopened(const struct output_set *);

/* Whether that thread still runs: then they cannot be closed. */
bool output_set_is_reopening(const struct output_set *);

/* Whether one of them is at a write: it may stand still. */
bool output_set_is_writing(struct output_set *);

/* Whether one of the set has lost its reader for good. */
bool output_set_is_broken(const struct output_set *, uint64_t set);

/* Tell where each writes, or its counters, on stderr. */
void output_set_log(struct output_set *);
void output_set_log_counters(struct output_set *);

/* output_abandon() for each, and a moment for whoever was about to write. */
void output_set_abandon(struct output_set *);

/*
 * Tell on stderr, for each output, how many records were handed over and not
 * written.  Returns their sum.
 */
unsigned long long output_set_log_unwritten(struct output_set *);

/*
 * Close all; they must be settled, and no other thread in output_set_emit().
 * false: what was written may not be there after all, and stderr was told.
 */
bool output_set_close(struct output_set *);

#endif
