/* SPDX-License-Identifier: MIT */
/* config_file: a configuration's file as text. */
#ifndef PORTLOG_CONFIG_READ_FILE_H
#define PORTLOG_CONFIG_READ_FILE_H

#include <stddef.h>

/*
 * All of it, with room for a byte more, to be freed; NULL and errno where it
 * cannot be read or is longer than any configuration is.
 */
char *config_file_read(const char *path, size_t *size);

#endif
