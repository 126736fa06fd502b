/* SPDX-License-Identifier: MIT */
/*
 * memory: allocation for code that cannot continue without memory: a daemon
 * that starts, a command.  Where there is none these log that, and end the
 * process with exit code 1.  A daemon that serves calls malloc() instead.  Any
 * thread.
 */
#ifndef PORTLOG_BASE_MEMORY_H
#define PORTLOG_BASE_MEMORY_H

#include <stddef.h>

/* Never NULL; the caller frees. */
void *memory_zeroed(size_t count, size_t size);
void *memory_grow(void *memory, size_t count, size_t size);

/*
 * A list of count elements with space for one more.  It must have been made in
 * this way from NULL; its size doubles, so that long lists take no longer.
 */
void *memory_append(void *list, size_t count, size_t size);

char *memory_copy(const char *text);

/* End the process as they do. */
void memory_missing(void) __attribute__((noreturn));

#endif
