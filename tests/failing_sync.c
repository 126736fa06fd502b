/* SPDX-License-Identifier: MIT */
/*
 * A library for LD_PRELOAD: the call of fdatasync with the number
 * $SYNC_FAILS_AT, of all threads, fails with the errno $SYNC_ERROR.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long calls;

int
fdatasync(int fd)
{
	const char *at = getenv("SYNC_FAILS_AT"), *error = getenv("SYNC_ERROR");

	if (at && error && atomic_fetch_add(&calls, 1) + 1 == atol(at)) {
		errno = atoi(error);
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}
