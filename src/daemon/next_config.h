/* SPDX-License-Identifier: MIT */
/* server_check: whether what is to come after a restart can start at all. */
#ifndef PORTLOG_DAEMON_NEXT_CONFIG_H
#define PORTLOG_DAEMON_NEXT_CONFIG_H

#include <stdbool.h>

/*
 * Whether the next process would refuse this configuration file: it is started
 * with -t, and its stderr is ours.  false where that cannot be known, within
 * two seconds.  path NULL: there is no file.
 */
bool next_config_is_refused(const char *path);

#endif
