/* SPDX-License-Identifier: MIT */
/* dial: connect by name, and learn what became of what was sent. */
#ifndef PORTLOG_CLIENT_DIAL_H
#define PORTLOG_CLIENT_DIAL_H

#include <netdb.h>
#include <stdbool.h>

#include "base/address.h"

/*
 * All addresses of a host, in the order to try them, IPv6 and IPv4; host is a
 * name or an address, "[::1]" too, port a number or the name of a service.
 * NULL: there are none, and stderr was told. To be freed with freeaddrinfo().
 */
struct addrinfo *dial_resolve(const char *host, const char *port,
			      enum protocol);

/*
 * Connect to the first address from *next on that answers, within timeout_ms
 * each (-1: as long as the system tries), and move *next behind it.  The
 * descriptor, or -1 and errno of the last; ETIMEDOUT where time was up.
 */
int dial_next(struct addrinfo **next, int timeout_ms);

/*
 * Wait until a send() that failed with EAGAIN or ENOBUFS is worth another try.
 */
void dial_wait(int fd);

/* The error that a socket holds, which is then taken from it, or 0. */
int dial_error(int fd);

/* Throw away what the other side says; false: it has closed, or errno. */
bool dial_discard(int fd);

/*
 * Whether all that was sent has been taken, our end included, once
 * dial_discard() has said that the other side has closed; errno of that, or
 * ECONNABORTED.
 */
bool dial_was_taken(int fd);

/*
 * End the stream and wait until the other side has closed too, which
 * portlogd does once all is with its outputs; false and errno: ECONNRESET,
 * ECONNABORTED if it has closed without taking all, or ETIMEDOUT after
 * timeout_ms (-1: never).
 */
bool dial_receipt(int fd, int timeout_ms);

#endif
