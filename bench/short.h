/* SPDX-License-Identifier: MIT */
/* short: a connection for each line. */
#ifndef BENCH_SHORT_H
#define BENCH_SHORT_H

#include "load.h"

/*
 * load->connections senders at a time: each connects, sends one line and waits
 * for the end of the stream, until all lines are sent.
 */
void short_send(const struct load *, const char *data);

#endif
