/* SPDX-License-Identifier: MIT */
/* keep_free: what that setting leaves free on a file system.  Pure. */
#ifndef PORTLOG_CONFIG_KEEP_FREE_H
#define PORTLOG_CONFIG_KEEP_FREE_H

#include <sys/statvfs.h>

/* In bytes.  keep_free is a field of struct output_config. */
unsigned long long keep_free_bytes(unsigned keep_free, const struct statvfs *);

#endif
