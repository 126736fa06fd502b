/* SPDX-License-Identifier: MIT */
/* outputs: the set of outputs; a batch of records goes to each of them. */
#ifndef PORTLOG_OUTPUTS_H
#define PORTLOG_OUTPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "record.h"

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

/* output_reopen() for each. */
void outputs_reopen(struct outputs *);

/* Whether all of them are done with it. */
bool outputs_are_reopened(const struct outputs *);

/* Whether one of them is at a write: it may stand still. */
bool outputs_are_busy(struct outputs *);

/* Tell where each writes, or its counters, on stderr. */
void outputs_tell(struct outputs *);
void outputs_tell_counters(struct outputs *);

/*
 * Tell on stderr, for each output, how many records were handed over and not
 * written.  Returns their sum.
 */
unsigned long long outputs_tell_unwritten(struct outputs *);

/* Close all; no other thread may be in outputs_emit(). */
void outputs_close(struct outputs *);

#endif
