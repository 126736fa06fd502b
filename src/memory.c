/* SPDX-License-Identifier: MIT */
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
present(void *memory)
{
	if (memory)
		return memory;
	fputs("portlogd: cannot start: out of memory\n", stderr);
	exit(EXIT_FAILURE);
}

void *
memory_zeroed(size_t count, size_t size)
{
	return present(calloc(count ? count : 1, size));
}

void *
memory_grow(void *memory, size_t count, size_t size)
{
	return present(reallocarray(memory, count, size));
}

char *
memory_copy(const char *text)
{
	return present(strdup(text));
}
