/* SPDX-License-Identifier: MIT */
/* program: what the main() of each program needs.  Main thread. */
#ifndef PORTLOG_BASE_PROGRAM_H
#define PORTLOG_BASE_PROGRAM_H

#include <stddef.h>

#include "base/buffer.h"

/*
 * Log what is wrong with the command line (NULL: getopt() has done so), print
 * the usage on stderr, and return EX_USAGE.
 */
int program_misused(const char *usage, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* EX_OK; or EXIT_FAILURE, and logged: stdout is full or closed. */
int program_flush_stdout(void);

/*
 * Write all of the buffer to stdout, and empty it.  Blocks.  Where it cannot,
 * log that, and end the process with exit code 1.
 */
void program_write_out(struct buffer *);

/*
 * Raise the soft limit of open descriptors to the hard one, and return it;
 * SIZE_MAX: it is not known.
 */
size_t program_raise_fd_limit(void);

#endif
