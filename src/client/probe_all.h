/* SPDX-License-Identifier: MIT */
/*
 * probe_all: a probe through each listener, and what came of it.  Main thread.
 */
#ifndef PORTLOG_CLIENT_PROBE_ALL_H
#define PORTLOG_CLIENT_PROBE_ALL_H

#include "client/check.h"

/* How long all receipts may take, and after them the markers in files. */
#define PROBE_RECEIPTS_MS 5000
#define PROBE_MARKERS_MS 3000

/*
 * Send to each that listens, or say in its untried why not; wait for the
 * receipts of streams, and for the markers in files that can be read; then ask
 * the daemon again.
 */
void probe_all(struct check *);

#endif
