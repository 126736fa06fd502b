/* SPDX-License-Identifier: MIT */
/*
 * job: whether systemd stops or restarts this unit.  Both begin with SIGTERM,
 * and only after a restart does it pass on what it stored.
 */
#ifndef PORTLOG_SYSTEM_JOB_H
#define PORTLOG_SYSTEM_JOB_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether this unit is being restarted, and its fd store holds that many
 * descriptors.  false where the bus does not say.  Takes a few milliseconds,
 * and four seconds at the most.  Main thread.
 */
bool job_is_restart(size_t descriptors);

#endif
