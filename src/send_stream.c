/* SPDX-License-Identifier: MIT */
#include "send.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dial.h"

#define BLOCK_BYTES 131072

static bool
failed(struct send *s)
{
	return send_failed(s,
			   errno ? strerror(errno)
				 : "closed by the other side before the end");
}

static size_t
count_lines(const char *data, size_t size)
{
	const char *end = data + size;
	size_t count = 0;

	while ((data = memchr(data, '\n', (size_t)(end - data)))) {
		count++;
		data++;
	}
	return count;
}

/* All of it, however long the other side makes us wait. */
static bool
send_all(struct send *s, const char *data, size_t size)
{
	struct pollfd ready = { .fd = s->fd, .events = POLLIN | POLLOUT };

	while (size > 0) {
		ssize_t sent =
			send(s->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent > 0) {
			s->progress.lines += count_lines(data, (size_t)sent);
			s->progress.bytes += (size_t)sent;
			data += sent;
			size -= (size_t)sent;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return failed(s);
		poll(&ready, 1, -1);
		/* Whoever answers must not wait for us to listen. */
		if (ready.revents & POLLIN && !dial_discard(s->fd))
			return failed(s);
	}
	return true;
}

/* Wait for input, and meanwhile for the other side to go away. */
static bool
wait_for_input(struct send *s)
{
	struct pollfd ready[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = s->fd, .events = POLLIN },
	};

	do {
		poll(ready, 2, -1);
		if (ready[1].revents && !dial_discard(s->fd))
			return failed(s);
	} while (!ready[0].revents);
	return true;
}

void
send_stream(struct send *s)
{
	static char block[BLOCK_BYTES];
	ssize_t size;

	if (!send_connect(s))
		return;
	progress_start(&s->progress);
	do {
		if (!wait_for_input(s))
			return;
		size = read(STDIN_FILENO, block, sizeof block);
		if (size < 0 && errno != EINTR && !send_input_failed(s, errno))
			return;
		if (size > 0 && !send_all(s, block, (size_t)size))
			return;
	} while (size != 0);
	if (!s->without_receipt && !dial_receipt(s->fd, s->timeout_ms))
		send_failed(s, errno == ETIMEDOUT ? "not closed in time"
			       : errno == ECONNABORTED
				       ? "closed before all was taken"
				       : strerror(errno));
}
