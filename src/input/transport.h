/* SPDX-License-Identifier: MIT */
/*
 * transport: what lies between a connection's descriptor and its framer: the
 * bytes of the stream as they are.  All calls are for the thread that the
 * connection belongs to; none blocks, but for 0.1 s where the kernel is short
 * of memory.
 */
#ifndef PORTLOG_INPUT_TRANSPORT_H
#define PORTLOG_INPUT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

enum transport_result {
	TRANSPORT_BYTES,
	TRANSPORT_AGAIN, /* there is nothing now */
	TRANSPORT_END,   /* the peer has ended its stream, or we have */
	TRANSPORT_RESET,
	TRANSPORT_ERROR,
	/* Of TLS alone: */
	TRANSPORT_TRUNCATED, /* ended, and nobody says that this is all */
	TRANSPORT_CORRUPT,   /* what came is not what the peer has sent */
};

/*
 * Read once into room bytes of space; *size: how many were read.  peeks: the
 * kernel has them still, until they are taken.
 */
enum transport_result transport_receive(int fd, void *space, size_t room,
					bool peeks, size_t *size);
void transport_take(int fd, size_t size);

/* The same as it reads, where the kernel is to write the size into a message.
 */
enum transport_result transport_receive_message(int fd, void *space,
						size_t room, struct mmsghdr *,
						size_t *size);

#endif
