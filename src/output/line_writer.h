/* SPDX-License-Identifier: MIT */
/*
 * line_writer: writes lines to stdout or a file, to the file that its path
 * leads to at the time.  Any thread but the main one.
 */
#ifndef PORTLOG_OUTPUT_LINE_WRITER_H
#define PORTLOG_OUTPUT_LINE_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#include "output/output_state.h"

/*
 * Write data, which holds so many lines.  Returns when all are written or the
 * output is broken: it blocks as long as the output is stalled.  The output's
 * lock is held.
 */
void line_writer_write(struct output *, const char *data, size_t size,
		       size_t lines);

/*
 * Do what output_request_reopen() asks for, unless another thread holds the
 * lock: each calls this after it has unlocked it.
 */
void line_writer_reopen(struct output *);

/* Whether that was tried for all requests.  Any thread, without the lock. */
bool line_writer_is_reopened(const struct output *);

#endif
