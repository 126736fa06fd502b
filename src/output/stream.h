/* SPDX-License-Identifier: MIT */
/*
 * stream: what the sinks of stdout and of files have in common.  Any thread
 * that holds the output's lock.
 */
#ifndef PORTLOG_OUTPUT_STREAM_H
#define PORTLOG_OUTPUT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "output/sink.h"

/* Keep in the sink what its descriptor leads to. */
void stream_identify(struct sink *);

/* Set its max_line, by the configuration or by what it leads to. */
void stream_set_max_line(struct sink *);

/* End a line that a process before us has left torn: now, or at a write. */
void stream_end_last_line(struct sink *);

/* Warn if another process has locked the file; else lock it.  Does not wait. */
void stream_lock(struct sink *);

/* Write some of the bytes; 0: call again.  -1: errno.  It may block. */
ssize_t stream_write(struct sink *, const char *data, size_t size);

/* The sink's look, for a file; other streams stay the same. */
enum sink_file stream_look(struct sink *);

/* Whether it leads to a terminal that has hung up. */
bool stream_has_hung_up(const struct sink *);

#endif
