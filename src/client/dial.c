/* SPDX-License-Identifier: MIT */
#include "client/dial.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"

/* An IPv6 address without the brackets that it has before a port. */
static const char *
without_brackets(const char *host, char bare[ADDRESS_TEXT])
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
	int error =
		getaddrinfo(without_brackets(host, bare), port, &hints, &all);

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

/* Wait until a connection is made or has failed: 0, or why. */
static int
wait_connected(int fd, int timeout_ms)
{
	struct pollfd made = { .fd = fd, .events = POLLOUT };

	return poll(&made, 1, timeout_ms) == 0 ? ETIMEDOUT : dial_error(fd);
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
		/* A line goes out when it is there, not with the next one. */
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

/* Room in a device's queue (ENOBUFS) is an event that poll(2) does not know. */
void
dial_wait(int fd)
{
	struct pollfd writable = { .fd = fd, .events = POLLOUT };
	const struct timespec pause = { .tv_nsec = 1000000 };

	if (errno == ENOBUFS)
		nanosleep(&pause, NULL);
	else
		poll(&writable, 1, -1);
}

bool
dial_discard(int fd)
{
	char bytes[4096];
	ssize_t size;

	do
		size = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
	while (size > 0);
	if (size == 0)
		errno = 0;
	return size < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Its system acknowledges all of it, or it is lost. */
bool
dial_was_taken(int fd)
{
	int unacknowledged = 0;

	if (errno != 0)
		return false;
	ioctl(fd, SIOCOUTQ, &unacknowledged);
	errno = ECONNABORTED;
	return unacknowledged == 0;
}

bool
dial_receipt(int fd, int timeout_ms)
{
	struct pollfd closed = { .fd = fd, .events = POLLIN };
	long long until_ms = clock_now_ms() + timeout_ms;

	if (shutdown(fd, SHUT_WR) != 0)
		return false;
	while (dial_discard(fd)) {
		long long left_ms =
			timeout_ms < 0 ? -1 : until_ms - clock_now_ms();

		if (timeout_ms >= 0 && left_ms <= 0) {
			errno = ETIMEDOUT;
			return false;
		}
		poll(&closed, 1, (int)left_ms);
	}
	return dial_was_taken(fd);
}
