/* SPDX-License-Identifier: MIT */
#include "client/send.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/diag.h"
#include "client/dial.h"
#include "client/input.h"

#define BLOCK_BYTES 131072

/* errno 0 or EPIPE says only that the peer has closed. */
static bool
failed(struct send *s)
{
	return send_failed(s,
			   s->channel.reason || (errno && errno != EPIPE)
				   ? channel_reason(&s->channel)
				   : "closed by the other side before the end");
}

/*
 * Read and discard what the peer sends, so that it is not blocked by us.
 * false: the connection has failed.
 */
static bool
read_answer(struct send *s)
{
	bool had_ended = s->channel.peer_has_ended;

	if (had_ended)
		errno = dial_error(s->channel.fd);
	else if (channel_discard(&s->channel))
		return true;
	if (had_ended || errno != 0)
		return failed(s);
	/* It sends no more, but may still take more. */
	progress_hide(&s->progress);
	if (!s->without_receipt)
		diag(LOG_WARNING,
		     "%s port %s: ended by the other side before the end: "
		     "there will be no receipt",
		     s->host, s->port);
	return true;
}

/*
 * Wait until the socket takes more, or until_ms.  poll(2) does not report the
 * last free bytes of a socket, so the caller tries once more before it fails.
 */
static bool
wait_writable(struct send *s, long long until_ms)
{
	struct pollfd peer = { .fd = s->channel.fd,
			       .events = channel_events(&s->channel, true) };
	long long left_ms = s->timeout_ms < 0 ? -1 : until_ms - clock_now_ms();

	if (s->timeout_ms >= 0 && left_ms <= 0)
		return send_failed(s, "nothing more taken in time");
	poll(&peer, 1, (int)left_ms);
	return !(peer.revents & ~POLLOUT) || read_answer(s);
}

static bool
send_all(struct send *s, const char *data, size_t size)
{
	long long until_ms = clock_now_ms() + s->timeout_ms;

	while (size > 0) {
		ssize_t sent = channel_send(&s->channel, data, size);

		if (sent > 0) {
			s->progress.lines +=
				bytes_count_newlines(data, (size_t)sent);
			s->progress.bytes += (size_t)sent;
			data += sent;
			size -= (size_t)sent;
			until_ms = clock_now_ms() + s->timeout_ms;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return failed(s);
		if (!wait_writable(s, until_ms))
			return false;
	}
	return true;
}

/* Wait for input, and notice meanwhile if the peer closes. */
static bool
wait_for_input(struct send *s)
{
	struct pollfd ready[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = s->channel.fd },
	};

	do {
		ready[1].events = channel_events(&s->channel, false);
		poll(ready, 2, -1);
		if (ready[1].revents && !read_answer(s))
			return false;
	} while (!ready[0].revents);
	return true;
}

/* A stream that the peer ended before us has no receipt. */
static bool
wait_for_receipt(struct send *s)
{
	struct channel *c = &s->channel;

	if (!c->peer_has_ended && !read_answer(s))
		return false;
	if (c->peer_has_ended) {
		channel_end(c);
		return send_failed(s, "no receipt");
	}
	if (channel_receipt(c, s->timeout_ms))
		return true;
	return send_failed(s, c->reason            ? c->reason
			      : errno == ETIMEDOUT ? "not closed in time"
			      : errno == ECONNABORTED
				      ? "closed before all was taken"
				      : strerror(errno));
}

/*
 * Over TLS what the other side sends unasked, such as tickets, is there to read
 * when we close, and would have the kernel reset the connection.
 */
static bool
leave(struct send *s)
{
	return channel_leave(&s->channel) || errno == ECONNABORTED || failed(s);
}

static ssize_t
read_block(struct input *input, char block[BLOCK_BYTES])
{
	size_t size = BLOCK_BYTES;
	ssize_t got;

	if (input->left >= 0 && input->left < BLOCK_BYTES)
		size = (size_t)input->left;
	got = input_read(input, block, size);
	if (input->left > 0 && got > 0)
		input->left -= got;
	return got;
}

void
send_stream(struct send *s)
{
	static char block[BLOCK_BYTES];
	struct input input;
	ssize_t size;

	if (!send_connect(s))
		return;
	input_open(&input, "-");
	progress_start(&s->progress);
	do {
		if (!wait_for_input(s))
			return;
		size = read_block(&input, block);
		if (size < 0 && !send_input_failed(s, errno))
			return;
		if (size > 0 && !send_all(s, block, (size_t)size))
			return;
	} while (size != 0);
	if (!s->without_receipt)
		wait_for_receipt(s);
	else if (s->tls)
		leave(s);
}
