/* SPDX-License-Identifier: MIT */
#include "client/stream.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static int
compare(const void *left, const void *right)
{
	const struct stream *a = left, *b = right;

	return strcmp(a->key, b->key);
}

/* Neither a listener nor a peer has a space in it. */
static char *
make_key(const struct log_line *line)
{
	size_t size = line->listener_size + line->peer_size + 40;
	char *key = memory_zeroed(1, size), *end;

	end = key + snprintf(key, size, "%.*s %.*s", (int)line->listener_size,
			     line->listener, (int)line->peer_size, line->peer);
	/* A peer may connect again from one port; JSON has a number then. */
	if (line->connection > 0)
		snprintf(end, size - (size_t)(end - key), " (%llu)",
			 (unsigned long long)line->connection);
	return key;
}

struct stream *
streams_find(struct streams *streams, const struct log_line *line)
{
	struct stream wanted = { .key = NULL }, **found;

	if (streams->count == 0)
		return NULL;
	wanted.key = make_key(line);
	found = tfind(&wanted, &streams->tree, compare);
	free(wanted.key);
	return found ? *found : NULL;
}

struct stream *
streams_get(struct streams *streams, const struct log_line *line)
{
	struct stream *stream = streams_find(streams, line);

	if (stream)
		return stream;
	stream = memory_zeroed(1, sizeof *stream);
	stream->key = make_key(line);
	stream->channel = channel_of(-1);
	if (!tsearch(stream, &streams->tree, compare))
		memory_missing();
	streams->count++;
	return stream;
}

void
streams_remove(struct streams *streams, struct stream *stream)
{
	tdelete(stream, &streams->tree, compare);
	streams->count--;
	buffer_free(&stream->pieces);
	free(stream->key);
	free(stream);
}

void
streams_drain(struct streams *streams, void (*visit)(struct stream *, void *),
	      void *argument)
{
	while (streams->tree) {
		/* A node begins with the pointer to its key (tsearch(3)). */
		struct stream *root = *(struct stream **)streams->tree;

		visit(root, argument);
		streams_remove(streams, root);
	}
}
