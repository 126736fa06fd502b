/* SPDX-License-Identifier: MIT */
/* read_file: the file of a configuration as text.  Main thread. */
#ifndef PORTLOG_CONFIG_READ_FILE_H
#define PORTLOG_CONFIG_READ_FILE_H

#include <stddef.h>

/*
 * Read all of it; the caller frees, and may write one byte behind its *size.
 * NULL and errno: it cannot be read; EFBIG: it has more than 1 MiB.
 */
char *config_file_read(const char *path, size_t *size);

#endif
