/* SPDX-License-Identifier: MIT */
#include "base/buffer.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

char *
buffer_reserve(struct buffer *buffer, size_t size)
{
	if (buffer->capacity - buffer->size < size) {
		buffer->capacity = 2 * buffer->capacity + size;
		buffer->data = memory_grow(buffer->data, buffer->capacity, 1);
	}
	return buffer->data + buffer->size;
}

void
buffer_add(struct buffer *buffer, const void *data, size_t size)
{
	if (size > 0)
		memcpy(buffer_reserve(buffer, size), data, size);
	buffer->size += size;
}

void
buffer_free(struct buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct buffer){ 0 };
}
