/* SPDX-License-Identifier: MIT */
/* buffer: bytes that grow; for the companion, which may run out of memory. */
#ifndef PORTLOG_BASE_BUFFER_H
#define PORTLOG_BASE_BUFFER_H

#include <stddef.h>

struct buffer {
	char *data;
	size_t size, capacity;
};

/* Room for size more bytes behind those that there are; data may move. */
char *buffer_room(struct buffer *, size_t size);

void buffer_add(struct buffer *, const void *data, size_t size);

/* Free it; it is empty then and can be used again. */
void buffer_free(struct buffer *);

#endif
