/* SPDX-License-Identifier: MIT */
/*
 * directories: makes those of a file for each sender or day.  Any thread but
 * the main one, unless there are no others; blocks on the file system.
 */
#ifndef PORTLOG_OUTPUT_DIRECTORIES_H
#define PORTLOG_OUTPUT_DIRECTORIES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Make the directories of a path that are missing, but for those in its first
 * `fixed` bytes.  Who may read the file, of this mode, may search them,
 * whatever the umask is.  false: errno.
 */
bool directories_make(const char *path, size_t fixed, mode_t mode);

#endif
