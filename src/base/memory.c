/* SPDX-License-Identifier: MIT */
#include "base/memory.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
memory_missing(void)
{
	fprintf(stderr, "%s: out of memory\n", program_invocation_short_name);
	exit(EXIT_FAILURE);
}

static void *
or_exit(void *memory)
{
	if (!memory)
		memory_missing();
	return memory;
}

void *
memory_zeroed(size_t count, size_t size)
{
	return or_exit(calloc(count ? count : 1, size));
}

void *
memory_grow(void *memory, size_t count, size_t size)
{
	return or_exit(reallocarray(memory, count, size));
}

char *
memory_copy(const char *text)
{
	return or_exit(strdup(text));
}

void *
memory_append(void *list, size_t count, size_t size)
{
	bool is_full = (count & (count - 1)) == 0;

	return is_full ? memory_grow(list, 2 * count + 1, size) : list;
}
