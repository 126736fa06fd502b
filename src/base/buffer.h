/* SPDX-License-Identifier: MIT */
/*
 * buffer: bytes that grow.  Without memory the process ends, as memory.h has
 * it.  Any thread, one at a time.
 */
#ifndef PORTLOG_BASE_BUFFER_H
#define PORTLOG_BASE_BUFFER_H

#include <stddef.h>

/* { 0 } is an empty one. */
struct buffer {
	char *data;
	size_t size, capacity;
};

/*
 * Make space for size more bytes and return where they go; the caller adds
 * what it wrote there to the buffer's size.  data may move.
 */
char *buffer_reserve(struct buffer *, size_t size);

void buffer_add(struct buffer *, const void *data, size_t size);

/* Free the bytes; the buffer is empty and can be used again. */
void buffer_free(struct buffer *);

#endif
