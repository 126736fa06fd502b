/* SPDX-License-Identifier: MIT */
#include "base/thread.h"

#include <stdio.h>
#include <sys/prctl.h>

#include "base/sanitizers.h"

/* Of the kernel, with the final NUL. */
#define NAME_BYTES 16

/* No thread has a large buffer on its stack; libsystemd's calls go deepest. */
#define STACK_BYTES (SANITIZED ? 524288 : 65536)

/* Of <linux/prctl.h>, since Linux 6.16. */
#ifndef PR_FUTEX_HASH
#define PR_FUTEX_HASH 78
#define PR_FUTEX_HASH_SET_SLOTS 1
#endif

/* By default it has 16 lists for two cores, each walked at every wake-up. */
#define WAITERS_A_LIST 4
#define MOST_LISTS 65536

size_t
thread_stack_size(void)
{
	return STACK_BYTES;
}

void
thread_expect(size_t count)
{
	unsigned long lists = 16;

	while (lists < count / WAITERS_A_LIST && lists < MOST_LISTS)
		lists *= 2;
	prctl(PR_FUTEX_HASH, PR_FUTEX_HASH_SET_SLOTS, lists, 0, 0);
}

int
thread_start(pthread_t *thread, void *(*main)(void *), void *argument)
{
	pthread_attr_t attributes;
	pthread_t detached;
	int error = pthread_attr_init(&attributes);

	if (error)
		return error;
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	if (!thread)
		pthread_attr_setdetachstate(&attributes,
					    PTHREAD_CREATE_DETACHED);
	error = pthread_create(thread ? thread : &detached, &attributes, main,
			       argument);
	pthread_attr_destroy(&attributes);
	return error;
}

void
thread_name(const char *work, const char *whom)
{
	char name[NAME_BYTES];

	snprintf(name, sizeof name, "%s%s%s", work, *whom ? " " : "", whom);
	pthread_setname_np(pthread_self(), name);
}
