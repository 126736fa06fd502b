/* SPDX-License-Identifier: MIT */
/*
 * retry: what an output does when its sink takes nothing.  Call with the
 * output's lock held; any thread but the main one.
 */
#ifndef PORTLOG_OUTPUT_RETRY_H
#define PORTLOG_OUTPUT_RETRY_H

#include "output/output_state.h"

/* Does not return if the output is abandoned.  Unlocks it then. */
void retry_stop_if_abandoned(struct output *);

/* A write has failed: begin a stall, unless there is one, and wait a second. */
void retry_wait(struct output *, int error);

/* The same for another reason, a word, and its explanation. */
void retry_wait_for(struct output *, const char *reason, const char *why);

/* A write has succeeded: end a stall, if there is one. */
void retry_end(struct output *);

/* The reader is gone, and no other can come: the output is broken. */
void retry_give_up(struct output *, int error);

#endif
