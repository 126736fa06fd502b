/* SPDX-License-Identifier: MIT */
/*
 * rotate: a file that is full gets another name, PATH.1, and older ones the
 * next number.  Any thread; blocks on the file system.
 */
#ifndef PORTLOG_OUTPUT_ROTATE_H
#define PORTLOG_OUTPUT_ROTATE_H

#include <stdbool.h>

/*
 * Rename the file to PATH.1, PATH.1 to PATH.2 and so on, up to the first number
 * that is free.  If none is free up to keep, remove PATH.keep before that:
 * *is_removed says so.  Replaces no file.  If the path is a link, the file that
 * it leads to is renamed, beside itself.
 *
 * false and errno: the file may still have its name.  A call that failed, or
 * was killed halfway, leaves a free number, from which the next one goes on.
 */
bool rotate(const char *path, unsigned keep, bool *is_removed);

#endif
