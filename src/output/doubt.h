/* SPDX-License-Identifier: MIT */
/*
 * doubt: what is told of a sync that has failed.  Any thread that holds the
 * output's lock.
 */
#ifndef PORTLOG_OUTPUT_DOUBT_H
#define PORTLOG_OUTPUT_DOUBT_H

#include "output/output_state.h"

/* One has failed: whoever waits for it learns it, and the next process. */
void doubt_count(struct output *);

/*
 * If one has failed for a file that is closed: count it; it is to be noted in
 * what is written to next.
 */
void doubt_closed(struct output *, struct sink *);

#endif
