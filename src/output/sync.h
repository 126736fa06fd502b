/* SPDX-License-Identifier: MIT */
/*
 * sync: an output's files on the disk.  What one thread waits for is done for
 * all that wait, see commit.h, and while it is done others write.
 *
 * A sync that fails is not tried again: the kernel has given the pages up, and
 * would say that all is well.  What was written since the last good sync is in
 * doubt then; the log says how much.  Whoever has the records still writes them
 * again, behind that note.
 */
#ifndef PORTLOG_OUTPUT_SYNC_H
#define PORTLOG_OUTPUT_SYNC_H

#include <stdbool.h>

#include "output/output_state.h"

/*
 * For an output that is open.  note writes what is not noted of the output yet:
 * to this sink, if it is still open.  It is called without the lock.  false:
 * the output is not on a disk; logged.  Main thread.
 */
bool sync_open(struct output *, void (*note)(struct output *, struct sink *));

/*
 * Where it has an interval, start a thread that syncs at that pace.  false:
 * there is none; logged.  Main thread.
 */
bool sync_start(struct output *);

/*
 * End the thread.  What was written since is synced by the close.
 * Main thread.
 */
void sync_close(struct output *);

/*
 * Wait until all that was written before is on the disk, or in doubt; returns
 * output->doubts then: it is on the disk if that is what it was before the
 * first of it was written.  Blocks on the disk, and for a second after a
 * failure.  Any thread but the main one, without the output's lock.
 */
unsigned sync_wait(struct output *);

/* Whether a thread waits for the disk now.  Any thread. */
bool sync_is_waiting(struct output *);

/* Bytes that were written since the last good sync; with the lock held. */
off_t sync_unsynced(struct output *);

#endif
