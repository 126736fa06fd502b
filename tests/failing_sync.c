/* SPDX-License-Identifier: MIT */
/*
 * A library for LD_PRELOAD: of the calls of fdatasync, of all threads together,
 * the one with the number $SYNC_FAILS_AT fails with the errno $SYNC_ERROR, and
 * the one with the number $SYNC_SLOW_AT, or each where that is 0, takes
 * $SYNC_TAKES_US more.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long calls;

static long
number_of(const char *name)
{
	const char *value = getenv(name);

	return value ? atol(value) : -1;
}

int
fdatasync(int fd)
{
	long call = atomic_fetch_add(&calls, 1) + 1;
	long slow_at = number_of("SYNC_SLOW_AT");

	if (slow_at == 0 || slow_at == call)
		usleep((useconds_t)number_of("SYNC_TAKES_US"));
	if (number_of("SYNC_FAILS_AT") == call) {
		errno = (int)number_of("SYNC_ERROR");
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}
