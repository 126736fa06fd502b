/* SPDX-License-Identifier: MIT */
/*
 * metrics: an answer about the status as Prometheus reads it, text format
 * 0.0.4.  Labels are the listener and the output, never a peer: each value of
 * a label is a series for good.  Main thread.
 */
#ifndef PORTLOG_CLIENT_METRICS_H
#define PORTLOG_CLIENT_METRICS_H

#include "client/answer.h"

/* Put all metrics into out; an empty answer: that the daemon does not run. */
void metrics_put(struct answer *, struct buffer *out);

#endif
