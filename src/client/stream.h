/* SPDX-License-Identifier: MIT */
/* stream: what belongs to one peer of a log, found by listener and peer. */
#ifndef PORTLOG_CLIENT_STREAM_H
#define PORTLOG_CLIENT_STREAM_H

#include <stddef.h>

#include "base/buffer.h"
#include "record/log_line.h"

struct stream {
	char *key;
	struct buffer pieces; /* of a record that is not yet whole */
	int fd;               /* -1; the user's */
	char last;            /* 0; the user's */
};

struct streams {
	void *tree;
	size_t count;
};

/* The stream of a line, or NULL. */
struct stream *streams_find(struct streams *, const struct log_line *);

/* The same, made where it is not there. */
struct stream *streams_get(struct streams *, const struct log_line *);

/* Forget one, and free it. */
void streams_remove(struct streams *, struct stream *);

/* Call visit for each, in no order, then forget them all. */
void streams_drain(struct streams *, void (*visit)(struct stream *, void *),
		   void *argument);

#endif
