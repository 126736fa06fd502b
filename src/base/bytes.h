/* SPDX-License-Identifier: MIT */
/* bytes: counts and hashes bytes.  Pure. */
#ifndef PORTLOG_BASE_BYTES_H
#define PORTLOG_BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>

/* How many of them are newlines. */
size_t bytes_count_newlines(const char *data, size_t size);

/* FNV-1a: the same on every machine and in every release; not for secrets. */
uint64_t bytes_hash(const void *data, size_t size);

#endif
