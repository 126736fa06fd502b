/* SPDX-License-Identifier: MIT */
/* next_config: whether the configuration of the next process is valid. */
#ifndef PORTLOG_DAEMON_NEXT_CONFIG_H
#define PORTLOG_DAEMON_NEXT_CONFIG_H

#include <stdbool.h>

/*
 * Run `portlogd -t -c path`, with our stderr.  true: it says that the file has
 * errors.  false: it does not, it does not end within 2 seconds, or it cannot
 * be run.  path NULL: there is no file, false.  Main thread; blocks for up to
 * those 2 seconds.
 */
bool next_config_is_refused(const char *path);

#endif
