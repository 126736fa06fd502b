/* SPDX-License-Identifier: MIT */
/*
 * confine: what a peer could do who made this process run other code.  The
 * process gives up, for ever, all that it does not need to serve.
 */
#ifndef PORTLOG_DAEMON_CONFINE_H
#define PORTLOG_DAEMON_CONFINE_H

#include "config/config.h"

/*
 * No program that it runs gains rights; no core has its memory, and no other
 * process of its user looks into it; Landlock leaves to it the files of its
 * outputs, the paths of its listeners and the TCP ports to bind.  What the
 * kernel refuses to enforce is logged, and the rest holds.  Call it when
 * outputs and listeners are open and no thread was started.  Main thread.
 */
void confine(const struct config *);

#endif
