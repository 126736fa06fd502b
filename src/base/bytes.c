/* SPDX-License-Identifier: MIT */
#include "base/bytes.h"

#include <string.h>

size_t
bytes_count_newlines(const char *data, size_t size)
{
	const char *end = data + size;
	size_t count = 0;

	while ((data = memchr(data, '\n', (size_t)(end - data)))) {
		count++;
		data++;
	}
	return count;
}

uint64_t
bytes_hash(const void *data, size_t size)
{
	const unsigned char *bytes = data;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	return hash;
}
