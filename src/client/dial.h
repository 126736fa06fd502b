/* SPDX-License-Identifier: MIT */
/*
 * dial: connect by name.  Any thread.  Descriptors are non-blocking; the calls
 * that wait say so.
 */
#ifndef PORTLOG_CLIENT_DIAL_H
#define PORTLOG_CLIENT_DIAL_H

#include <netdb.h>
#include <stdbool.h>

#include "base/address.h"

/* The address of "[ADDRESS]", written to bare; any other host as it is. */
const char *dial_without_brackets(const char *host, char bare[ADDRESS_TEXT]);

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

#endif
