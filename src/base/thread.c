/* SPDX-License-Identifier: MIT */
#include "base/thread.h"

/*
 * No thread has a large buffer on its stack; calls into libsystemd go deepest.
 * Sanitizers widen every frame.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_BYTES 524288
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define STACK_BYTES 524288
#endif
#endif
#ifndef STACK_BYTES
#define STACK_BYTES 65536
#endif

size_t
thread_stack_size(void)
{
	return STACK_BYTES;
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
