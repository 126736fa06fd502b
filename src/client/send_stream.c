/* SPDX-License-Identifier: MIT */
#include "client/send.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "client/dial.h"

#define BLOCK_BYTES 131072

/* errno is 0 or EPIPE where its end was read before it was known to be gone. */
static bool
failed(struct send *s)
{
	return send_failed(s,
			   errno && errno != EPIPE
				   ? strerror(errno)
				   : "closed by the other side before the end");
}

/* Whoever answers must not wait for us to listen; false: it is gone. */
static bool
hear(struct send *s)
{
	if (s->has_ended)
		errno = dial_error(s->fd);
	else if (dial_discard(s->fd))
		return true;
	if (s->has_ended || errno != 0)
		return failed(s);
	/* That it says no more does not mean that it takes no more. */
	s->has_ended = true;
	progress_hide(&s->progress);
	if (!s->without_receipt)
		diag(LOG_WARNING,
		     "%s port %s: ended by the other side before the end: "
		     "there will be no receipt",
		     s->host, s->port);
	return true;
}

/* Once it has ended, only its going away is an event. */
static short
heard_events(const struct send *s)
{
	return s->has_ended ? 0 : POLLIN;
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

/*
 * For room, until nothing was taken for so long; not all room is an event, so
 * it is to be tried once more before that.
 */
static bool
wait_for_room(struct send *s, long long until_ms)
{
	struct pollfd peer = { .fd = s->fd,
			       .events = (short)(heard_events(s) | POLLOUT) };
	long long left_ms = s->timeout_ms < 0 ? -1 : until_ms - clock_now_ms();

	if (s->timeout_ms >= 0 && left_ms <= 0)
		return send_failed(s, "nothing more taken in time");
	poll(&peer, 1, (int)left_ms);
	return !(peer.revents & ~POLLOUT) || hear(s);
}

static bool
send_all(struct send *s, const char *data, size_t size)
{
	long long until_ms = clock_now_ms() + s->timeout_ms;

	while (size > 0) {
		ssize_t sent =
			send(s->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent > 0) {
			s->progress.lines += count_lines(data, (size_t)sent);
			s->progress.bytes += (size_t)sent;
			data += sent;
			size -= (size_t)sent;
			until_ms = clock_now_ms() + s->timeout_ms;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return failed(s);
		if (!wait_for_room(s, until_ms))
			return false;
	}
	return true;
}

/* Wait for input, and meanwhile for the other side to go away. */
static bool
wait_for_input(struct send *s)
{
	struct pollfd ready[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = s->fd },
	};

	do {
		ready[1].events = heard_events(s);
		poll(ready, 2, -1);
		if (ready[1].revents && !hear(s))
			return false;
	} while (!ready[0].revents);
	return true;
}

/* Only an end that comes after ours can be an answer to it. */
static bool
wait_for_receipt(struct send *s)
{
	if (!s->has_ended && !hear(s))
		return false;
	if (s->has_ended)
		return send_failed(s, "no receipt");
	if (dial_receipt(s->fd, s->timeout_ms))
		return true;
	return send_failed(s, errno == ETIMEDOUT ? "not closed in time"
			      : errno == ECONNABORTED
				      ? "closed before all was taken"
				      : strerror(errno));
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
	if (!s->without_receipt)
		wait_for_receipt(s);
}
