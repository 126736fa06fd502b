/* SPDX-License-Identifier: MIT */
/* probe: print how long a line takes from send() to the log. */
#ifndef BENCH_PROBE_H
#define BENCH_PROBE_H

#include "load.h"

/* Send line by line, the next once the one before is in the log. */
void probe_each_line(const struct load *, struct peer *, const char *data);

/*
 * Send at load->rate, with a probe every 10 ms on each of load->probes
 * connections, or every 200 ms on each of load->quiet connections.
 */
void probe_under_load(const struct load *, struct peer *, const char *data);

#endif
