/* SPDX-License-Identifier: MIT */
/* status_who: who is connected, and who has sent datagrams. */
#ifndef PORTLOG_DAEMON_STATUS_WHO_H
#define PORTLOG_DAEMON_STATUS_WHO_H

#include "daemon/gate.h"
#include "daemon/listeners.h"
#include "daemon/status_request.h"

/*
 * Render and write a line for each.  It is no picture of one moment: who comes
 * or goes meanwhile may be missing.  Any thread, as status_answer().
 */
void status_who(struct gate *, struct listeners *, struct status_request *);

#endif
