/* SPDX-License-Identifier: MIT */
#include "input/transport.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/clock.h"

/* The pause before it is tried again where the kernel has no memory. */
#define RETRY_MS 100

static enum transport_result
receive_failed(int error)
{
	switch (error) {
	case ENOBUFS:
	case ENOMEM:
		clock_sleep_ms(RETRY_MS);
		return TRANSPORT_AGAIN;
	case EAGAIN:
	case EINTR:
		return TRANSPORT_AGAIN;
	case ECONNRESET:
		return TRANSPORT_RESET;
	default:
		return TRANSPORT_ERROR;
	}
}

enum transport_result
transport_receive(int fd, void *space, size_t room, bool peeks, size_t *size)
{
	ssize_t received =
		recv(fd, space, room, MSG_DONTWAIT | (peeks ? MSG_PEEK : 0));

	if (received < 0)
		return receive_failed(errno);
	*size = (size_t)received;
	return received > 0 ? TRANSPORT_BYTES : TRANSPORT_END;
}

/* Without room for control messages the kernel closes descriptors in them. */
enum transport_result
transport_receive_message(int fd, void *space, size_t room,
			  struct mmsghdr *message, size_t *size)
{
	struct iovec data = { space, room };

	message->msg_hdr = (struct msghdr){ .msg_iov = &data, .msg_iovlen = 1 };
	if (recvmmsg(fd, message, 1, MSG_DONTWAIT, NULL) < 0)
		return receive_failed(errno);
	*size = message->msg_len;
	return *size > 0 ? TRANSPORT_BYTES : TRANSPORT_END;
}

void
transport_take(int fd, size_t size)
{
	ssize_t taken;

	/* MSG_TRUNC: nothing is copied. */
	do {
		taken = recv(fd, NULL, size, MSG_TRUNC | MSG_DONTWAIT);
		size -= taken > 0 ? (size_t)taken : 0;
	} while (size > 0 && taken > 0);
}
