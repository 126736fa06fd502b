/* SPDX-License-Identifier: MIT */
/*
 * dial: connect by name, and find out whether the peer took what was sent.  Any
 * thread.  Descriptors are non-blocking; the calls that wait say so.
 */
#ifndef PORTLOG_CLIENT_DIAL_H
#define PORTLOG_CLIENT_DIAL_H

#include <netdb.h>
#include <stdbool.h>

#include "base/address.h"

/*
 * All addresses of a host, IPv6 and IPv4, in the order to try them.  host is a
 * name or an address, "[::1]" too; port a number or the name of a service.
 * NULL: logged.  Asks DNS, and waits for it.  Free it with freeaddrinfo().
 */
struct addrinfo *dial_resolve(const char *host, const char *port,
			      enum protocol);

/*
 * Connect to the first address from *next on that accepts, and set *next to
 * the one after it.  Waits up to timeout_ms for each (-1: as long as the system
 * tries).  Returns the descriptor; or -1 and errno of the last, ETIMEDOUT after
 * timeout_ms.
 */
int dial_next(struct addrinfo **next, int timeout_ms);

/* After a send() that failed with EAGAIN or ENOBUFS: wait until it may work. */
void dial_wait(int fd);

/* Take the pending error (SO_ERROR) from a socket; 0: it has none. */
int dial_error(int fd);

/* How long the refusal of a datagram may take to come back. */
#define DIAL_REFUSAL_MS 200

/*
 * Read and discard what the peer has sent, without waiting.  false: the stream
 * has ended and errno is 0, or has failed with errno.
 */
bool dial_discard(int fd);

/*
 * After dial_discard() returned false, with its errno: whether the peer's
 * system has acknowledged all that was sent, our end of the stream too.  false
 * and errno: that of dial_discard(), or ECONNABORTED.
 */
bool dial_was_taken(int fd);

/*
 * End our side of the stream, and wait until the peer ends its own; portlogd
 * does so when all is in its outputs.  false and errno: ECONNRESET,
 * ECONNABORTED if the peer ended without taking all, ETIMEDOUT after timeout_ms
 * (-1: never).
 */
bool dial_receipt(int fd, int timeout_ms);

#endif
