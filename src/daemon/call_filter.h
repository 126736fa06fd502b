/* SPDX-License-Identifier: MIT */
/*
 * call_filter: the list of the system calls that the daemon may make.  Pure.
 * Only where it was built with libseccomp.
 */
#ifndef PORTLOG_DAEMON_CALL_FILTER_H
#define PORTLOG_DAEMON_CALL_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

struct call_filter {
	size_t count;
	struct sock_filter code[768];
};

/*
 * Make a filter for seccomp(2) that has this answer, SECCOMP_RET_, for all
 * others.  has_paths: listeners may have to be bound to paths again.
 */
void call_filter_make(struct call_filter *, unsigned action, bool has_paths);

#endif
