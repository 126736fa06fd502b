/* SPDX-License-Identifier: MIT */
/* probe: how long a line takes to the log, alone and under load. */
#ifndef BENCH_PROBE_H
#define BENCH_PROBE_H

#include "load.h"

/* Line by line: the next goes when the one before is in the log. */
void probe_each_line(const struct load *, struct peer *, const char *data);

/* At load->rate, with a probe every 10 ms on a few of the connections. */
void probe_under_load(const struct load *, struct peer *, const char *data);

#endif
