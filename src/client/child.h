/* SPDX-License-Identifier: MIT */
/* child: what another program prints.  One thread. */
#ifndef PORTLOG_CLIENT_CHILD_H
#define PORTLOG_CLIENT_CHILD_H

#include <stdbool.h>

#include "base/buffer.h"

/*
 * Run a program of PATH, whose arguments end with NULL, and add what it prints
 * to out; its errors go nowhere.  Where it takes longer, or prints more than a
 * MiB, it is killed.  false: it could not be run, was killed or has failed.
 * Without memory this process ends.
 */
bool child_run(const char *const arguments[], struct buffer *out,
	       int timeout_ms);

#endif
