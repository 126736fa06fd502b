/* SPDX-License-Identifier: MIT */
/* full_test: whether a start would open all outputs and bind all ports. */
#ifndef PORTLOG_DAEMON_FULL_TEST_H
#define PORTLOG_DAEMON_FULL_TEST_H

#include <stdbool.h>

#include "config/config.h"

/*
 * Try what a start does with this configuration, and leave no trace, but that
 * passed sockets that it does not want share their ports from now on.  One that
 * it wants is taken as it is: see restart_check.h.  Any other port that
 * a process of this program has counts as free: that process leaves it to the
 * next one at a restart.  Likewise one that only a privileged process may bind,
 * if systemd runs this one and nobody has the port: see low_ports.h. false:
 * stderr has each reason, in the words of the start.  Main thread; may block in
 * open(2) of the outputs.
 */
bool full_test(const struct config *);

#endif
