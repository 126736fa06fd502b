/* SPDX-License-Identifier: MIT */
/*
 * An allocator for LD_PRELOAD that fails when a test wants it to: the call with
 * the number $MALLOC_FAILS_AT, or all calls while the file $MALLOC_FAILS_WHILE
 * exists.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

/* glibc's own functions, whose public names are redefined here. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

static atomic_long calls;

/* Tests wait for this line.  Nothing here may allocate. */
static void
print_failure(void)
{
	static const char text[] = "malloc: failed as asked for\n";

	if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
		return;
}

static bool
should_fail(void)
{
	const char *at = getenv("MALLOC_FAILS_AT");
	const char *file = getenv("MALLOC_FAILS_WHILE");
	int error = errno;
	bool failing;

	if (at) {
		failing = atomic_fetch_add(&calls, 1) + 1 == atol(at);
		if (failing)
			print_failure();
	} else {
		failing = file && access(file, F_OK) == 0;
	}
	errno = failing ? ENOMEM : error;
	return failing;
}

void *
malloc(size_t size)
{
	return should_fail() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	return should_fail() ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *memory, size_t size)
{
	return should_fail() ? NULL : __libc_realloc(memory, size);
}
