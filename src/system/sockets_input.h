/* SPDX-License-Identifier: MIT */
/*
 * sockets_input: what a socket lets in, and how much it has got.  No call
 * blocks on outputs; any thread may call them.
 */
#ifndef PORTLOG_SYSTEM_SOCKETS_INPUT_H
#define PORTLOG_SYSTEM_SOCKETS_INPUT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Block the input: from now on the kernel queues nothing more for this socket.
 * What is queued can still be read.  TCP does not acknowledge what arrives, so
 * that the peer still has it; UDP drops and counts it.  A Unix socket is only
 * to be shut down: what its peer sends then fails there (EPIPE).
 */
void sockets_block_input(int fd);

/*
 * Wait until the packets that the kernel had accepted before an input was
 * blocked, or a port left, are in their queues.  Blocks for some milliseconds.
 */
void sockets_wait_for_inflight(void);

/* Whether a connection's peer has sent its FIN, or we have shut it down. */
bool sockets_input_has_ended(int fd);

/*
 * Unblock the input.  Do so before closing a connection, so that the kernel
 * answers its peer.
 */
void sockets_unblock_input(int fd);

/*
 * How many bytes of the stream were read from this connection by any process;
 * 0: the kernel cannot say.  *error is 0, or the error that ended the
 * connection.  The kernel returns such an error only once: recv(2) will not
 * return it again.
 */
uint64_t sockets_bytes_delivered(int fd, int *error);

/* The same, and what nobody has read; which error ended it is not asked. */
uint64_t sockets_bytes_received(int fd);

/*
 * How many connections of a listener wait to be accepted; of a Unix socket 1
 * says any.
 */
unsigned sockets_pending(int fd);

/* How many can, before the kernel ignores new peers; 0: unknown. */
unsigned sockets_pending_limit(int fd);

#endif
