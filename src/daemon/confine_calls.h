/* SPDX-License-Identifier: MIT */
/*
 * confine_calls: which system calls this process may make, as the kernel
 * enforces it (seccomp(2)).
 */
#ifndef PORTLOG_DAEMON_CONFINE_CALLS_H
#define PORTLOG_DAEMON_CONFINE_CALLS_H

#include <stdbool.h>

/*
 * From now on all calls but those that the daemon needs fail in this thread and
 * those that it starts with ENOSYS, as on a kernel that does not have them; for
 * then the C library does without.  The first time for each, a thread logs it.
 * has_paths: see call_filter.h.  Needs PR_SET_NO_NEW_PRIVS.  false: errno;
 * ENOTSUP: built without libseccomp. Main thread.
 */
bool confine_calls(bool has_paths);

#endif
