/* SPDX-License-Identifier: MIT */
/*
 * admission: what a peer has to do before any byte of it is data.  All of it
 * has one deadline, which no byte moves.  The connection's thread.
 */
#ifndef PORTLOG_INPUT_ADMISSION_H
#define PORTLOG_INPUT_ADMISSION_H

#include "input/admission_step.h"

/* Blocks until the peer is admitted, or is not.  Once for each connection. */
enum admission_result admission_run(struct connection *);

#endif
