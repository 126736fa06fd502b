/* SPDX-License-Identifier: MIT */
/* short: a connection for each write. */
#ifndef BENCH_SHORT_H
#define BENCH_SHORT_H

#include "load.h"

/*
 * load->connections senders at a time: each connects, sends one write, ends its
 * side and waits for the end of the other, until all lines are sent.  Print how
 * many streams ended in order, in which time, and how long each took to do so.
 */
void short_send(const struct load *, const char *data);

#endif
