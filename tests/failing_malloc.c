/* SPDX-License-Identifier: MIT */
/*
 * Memory that runs short when a test wants it, for LD_PRELOAD: the call of
 * number MALLOC_FAILS_AT fails, or all do while MALLOC_FAILS_WHILE exists.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

/* What glibc has behind the names that are ours here. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

static atomic_long calls;

/* Whoever waits for the fault reads it; nothing here may allocate. */
static void
tell(void)
{
	static const char text[] = "malloc: failed as asked for\n";

	if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
		return;
}

static bool
is_to_fail(void)
{
	const char *at = getenv("MALLOC_FAILS_AT");
	const char *file = getenv("MALLOC_FAILS_WHILE");
	int error = errno;
	bool failing;

	if (at) {
		failing = atomic_fetch_add(&calls, 1) + 1 == atol(at);
		if (failing)
			tell();
	} else {
		failing = file && access(file, F_OK) == 0;
	}
	errno = failing ? ENOMEM : error;
	return failing;
}

void *
malloc(size_t size)
{
	return is_to_fail() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	return is_to_fail() ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *memory, size_t size)
{
	return is_to_fail() ? NULL : __libc_realloc(memory, size);
}
