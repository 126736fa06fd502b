/* SPDX-License-Identifier: MIT */
/*
 * listener_log: what stderr says of a listener.  Of a follower it says nothing:
 * the first speaks for all.  Any thread.
 */
#ifndef PORTLOG_INPUT_LISTENER_LOG_H
#define PORTLOG_INPUT_LISTENER_LOG_H

#include "input/listener.h"

/* Where it listens; its counters. */
void listener_log(const struct listener *);
void listener_log_counters(const struct listener *);

#endif
