/* SPDX-License-Identifier: MIT */
#include "client/channel.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define LEAVE_MS 1000

/* How often channel_leave() looks: poll(2) does not wait for that. */
#define LEAVE_STEP_MS 10

struct channel
channel_of(int fd)
{
	return (struct channel){ .fd = fd };
}

short
channel_events(const struct channel *c, bool sends)
{
	int events = c->peer_has_ended ? 0 : POLLIN;

	if (c->tls)
		events |= c->tls->sends_wait_for | c->tls->receives_wait_for;
	else if (sends)
		events |= POLLOUT;
	return (short)events;
}

/*
 * Wait until the socket is ready.  false: it is until_ms, with ETIMEDOUT;
 * timeout_ms -1: it never is.
 */
static bool
wait_ready(const struct channel *c, int timeout_ms, long long until_ms)
{
	struct pollfd ready = { .fd = c->fd,
				.events = channel_events(c, false) };
	long long left_ms = timeout_ms < 0 ? -1 : until_ms - clock_now_ms();

	if (timeout_ms >= 0 && left_ms <= 0) {
		errno = ETIMEDOUT;
		return false;
	}
	poll(&ready, 1, (int)left_ms);
	return true;
}

/* Have what TLS says of a failure said by channel_reason(). */
static void
take_reason(struct channel *c)
{
	if (c->tls->reason[0])
		c->reason = c->tls->reason;
}

void
channel_begin_tls(struct channel *c, const struct tls *tls)
{
	c->tls = tls_session_new(tls, c->fd);
}

bool
channel_handshake(struct channel *c)
{
	if (!c->tls || c->tls->is_open || tls_session_handshake(c->tls))
		return true;
	take_reason(c);
	return false;
}

bool
channel_secure(struct channel *c, const struct tls *tls, int timeout_ms)
{
	long long until_ms;

	if (timeout_ms < 0)
		timeout_ms = CHANNEL_HANDSHAKE_MS;
	until_ms = clock_now_ms() + timeout_ms;
	channel_begin_tls(c, tls);
	while (!channel_handshake(c)) {
		if (errno == EAGAIN && wait_ready(c, timeout_ms, until_ms))
			continue;
		if (errno == ETIMEDOUT)
			c->reason = "no TLS handshake in time: does the other "
				    "side speak TLS?";
		return false;
	}
	return true;
}

ssize_t
channel_send(struct channel *c, const char *data, size_t size)
{
	ssize_t sent;

	if (!c->tls)
		return send(c->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
	sent = tls_session_send(c->tls, data, size);
	take_reason(c);
	return sent;
}

/* An alert of TLS: its type, version and size, then a level and a reason. */
static bool
is_alert(const char *data, ssize_t size)
{
	return size == 7 && data[0] == 21 && data[1] == 3 && data[3] == 0 &&
	       data[4] == 2;
}

/* As recv(2): 0 is the end of the peer's side. */
static ssize_t
receive(struct channel *c, char *data, size_t size)
{
	ssize_t got;

	if (c->tls) {
		got = tls_session_receive(c->tls, data, size);
		take_reason(c);
		return got;
	}
	got = recv(c->fd, data, size, MSG_DONTWAIT);
	if (!is_alert(data, got))
		return got;
	c->reason = "the other side speaks TLS (see --tls)";
	errno = EPROTO;
	return -1;
}

bool
channel_discard(struct channel *c)
{
	char bytes[4096];
	ssize_t size;

	do
		size = receive(c, bytes, sizeof bytes);
	while (size > 0);
	if (size == 0) {
		c->peer_has_ended = true;
		errno = 0;
	}
	return size < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Whether the peer's system has all that was sent, the end of our side too. */
static bool
is_acknowledged(const struct channel *c)
{
	int left = 0;

	ioctl(c->fd, SIOCOUTQ, &left);
	return left == 0;
}

/*
 * A TCP proxy may take a FIN for the end of both sides, so over TLS there is
 * none.
 */
static bool
end_our_side(struct channel *c)
{
	bool has_ended;

	if (!c->tls)
		return shutdown(c->fd, SHUT_WR) == 0;
	has_ended = tls_session_end(c->tls);
	take_reason(c);
	return has_ended;
}

bool
channel_end(struct channel *c)
{
	if (!c->has_ended)
		c->has_ended = end_our_side(c);
	if (!c->has_ended && errno != EAGAIN)
		return false;
	if (channel_discard(c))
		return true;
	if (errno == 0 && (!c->has_ended || !is_acknowledged(c)))
		errno = ECONNABORTED;
	return false;
}

bool
channel_receipt(struct channel *c, int timeout_ms)
{
	long long until_ms = clock_now_ms() + timeout_ms;

	while (channel_end(c))
		if (!wait_ready(c, timeout_ms, until_ms))
			return false;
	return errno == 0;
}

bool
channel_leave(struct channel *c)
{
	long long until_ms = clock_now_ms() + LEAVE_MS;

	while (channel_end(c)) {
		struct pollfd ready = { .fd = c->fd,
					.events = channel_events(c, false) };

		if (is_acknowledged(c) || clock_now_ms() >= until_ms)
			return true;
		poll(&ready, 1, LEAVE_STEP_MS);
	}
	return errno == 0;
}

const char *
channel_reason(const struct channel *c)
{
	return c->reason ? c->reason : strerror(errno);
}

void
channel_close(struct channel *c)
{
	tls_session_free(c->tls);
	c->tls = NULL;
	close(c->fd);
	c->fd = -1;
}
