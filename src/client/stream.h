/* SPDX-License-Identifier: MIT */
/*
 * stream: the connections of a log, found by listener, peer and, in JSON, the
 * connection's number.  Without memory the process ends.  One thread.
 */
#ifndef PORTLOG_CLIENT_STREAM_H
#define PORTLOG_CLIENT_STREAM_H

#include <stddef.h>

#include "base/buffer.h"
#include "client/channel.h"
#include "record/format_time.h"
#include "record/log_line.h"

struct stream {
	char *key;
	struct buffer pieces;       /* of a record that is not complete */
	char time[FORMAT_TIME - 1]; /* the caller's: of the last piece */
	struct channel channel;     /* the caller's; at first of -1 */
	char last;                  /* the caller's; at first 0 */
};

struct streams {
	void *tree;
	size_t count;
};

/* The stream of a line.  NULL: there is none. */
struct stream *streams_find(struct streams *, const struct log_line *);

/* The stream of a line, which is added if there is none. */
struct stream *streams_get(struct streams *, const struct log_line *);

/* Remove a stream and free it. */
void streams_remove(struct streams *, struct stream *);

/* Call visit for each stream, in no order, and remove it. */
void streams_drain(struct streams *, void (*visit)(struct stream *, void *),
		   void *argument);

#endif
