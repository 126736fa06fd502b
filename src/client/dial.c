/* SPDX-License-Identifier: MIT */
#include "client/dial.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"

const char *
dial_without_brackets(const char *host, char bare[ADDRESS_TEXT])
{
	size_t size = strlen(host);

	if (host[0] != '[' || host[size - 1] != ']' || !strchr(host, ':') ||
	    size >= ADDRESS_TEXT)
		return host;
	snprintf(bare, ADDRESS_TEXT, "%.*s", (int)size - 2, host + 1);
	return bare;
}

struct addrinfo *
dial_resolve(const char *host, const char *port, enum protocol protocol)
{
	const struct addrinfo hints = {
		.ai_socktype =
			protocol == PROTOCOL_TCP ? SOCK_STREAM : SOCK_DGRAM,
	};
	struct addrinfo *all = NULL;
	char bare[ADDRESS_TEXT];
	int error = getaddrinfo(dial_without_brackets(host, bare), port, &hints,
				&all);

	if (error == 0)
		return all;
	diag(LOG_ERR, "%s port %s: %s", host, port,
	     error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
	return NULL;
}

int
dial_error(int fd)
{
	int error = 0;
	socklen_t size = sizeof error;

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	return error;
}

/* Wait until a socket is connected: 0, or an error. */
static int
wait_connected(int fd, int timeout_ms)
{
	struct pollfd connected = { .fd = fd, .events = POLLOUT };

	return poll(&connected, 1, timeout_ms) == 0 ? ETIMEDOUT
						    : dial_error(fd);
}

static int
dial_one(const struct addrinfo *address, int timeout_ms)
{
	int fd = socket(address->ai_family,
			address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error = 0, on = 1;

	if (fd < 0)
		return -1;
	if (connect(fd, address->ai_addr, address->ai_addrlen) != 0)
		error = errno == EINPROGRESS ? wait_connected(fd, timeout_ms)
					     : errno;
	if (error == 0) {
		/* Send each line at once; the next may come much later. */
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		return fd;
	}
	close(fd);
	errno = error;
	return -1;
}

int
dial_next(struct addrinfo **next, int timeout_ms)
{
	int fd = -1;

	errno = EADDRNOTAVAIL;
	while (fd < 0 && *next) {
		fd = dial_one(*next, timeout_ms);
		*next = (*next)->ai_next;
	}
	return fd;
}

/* poll(2) does not wait for space in a device's queue (ENOBUFS). */
void
dial_wait(int fd)
{
	struct pollfd writable = { .fd = fd, .events = POLLOUT };

	if (errno == ENOBUFS)
		clock_sleep_ms(1);
	else
		poll(&writable, 1, -1);
}
