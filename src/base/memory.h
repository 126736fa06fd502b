/* SPDX-License-Identifier: MIT */
/*
 * memory: allocation by the daemon while it starts, and by the companion, for
 * which to run short of it is the end: these say so on stderr and exit with 1.
 * Once the daemon serves it calls malloc() and copes.
 */
#ifndef PORTLOG_BASE_MEMORY_H
#define PORTLOG_BASE_MEMORY_H

#include <stddef.h>

/* Never NULL; the caller frees. */
void *memory_zeroed(size_t count, size_t size);
void *memory_grow(void *memory, size_t count, size_t size);
char *memory_copy(const char *text);

/* What they do where there is none. */
void memory_missing(void) __attribute__((noreturn));

#endif
