/* SPDX-License-Identifier: MIT */
/*
 * doubt: a file that was synced and closed, and the sync has failed.  Any
 * thread that holds the output's lock.
 */
#ifndef PORTLOG_OUTPUT_DOUBT_H
#define PORTLOG_OUTPUT_DOUBT_H

#include "output/output_state.h"

/*
 * If that is so: whoever waits for a sync learns it, and it is to be noted in
 * what is written to next.
 */
void doubt_closed(struct output *, struct sink *);

#endif
