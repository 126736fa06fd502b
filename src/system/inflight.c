/* SPDX-License-Identifier: MIT */
#include "system/inflight.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/diag.h"

#define SEND_NAME "inflight send"
#define RECEIVE_NAME "inflight receive"

/* What the kernel doubles, and limits to net.core.wmem_max. */
#define BUFFER_BYTES (4 << 20)

/* Of the limit, for sd_notify(3). */
#define LEFT_TO_OTHERS 16

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(INFLIGHT_FDS * sizeof(int))];
};

static bool
is_pair(int send_fd, int receive_fd)
{
	int type = 0;
	socklen_t size = sizeof type;

	return send_fd >= 0 && receive_fd >= 0 &&
	       getsockopt(receive_fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
	       type == SOCK_SEQPACKET;
}

static void
make(struct inflight *inflight)
{
	int pair[2], size = BUFFER_BYTES;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		diag(LOG_WARNING, "cannot keep connections over a restart: %s",
		     strerror(errno));
		return;
	}
	inflight->send_fd = pair[0];
	inflight->receive_fd = pair[1];
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	fdstore_add(pair[0], SEND_NAME);
	fdstore_add(pair[1], RECEIVE_NAME);
}

void
inflight_open(struct inflight *inflight, struct listen_fds *in)
{
	*inflight = (struct inflight){
		.send_fd = listen_fds_take(in, SEND_NAME),
		.receive_fd = listen_fds_take(in, RECEIVE_NAME),
		.first = 1,
		.next = 1,
		.peeked = 1,
	};
	if (is_pair(inflight->send_fd, inflight->receive_fd))
		return;
	if (inflight->send_fd >= 0 || inflight->receive_fd >= 0) {
		fdstore_remove(SEND_NAME);
		fdstore_remove(RECEIVE_NAME);
		inflight_close(inflight);
	}
	inflight->send_fd = inflight->receive_fd = -1;
	if (fdstore_available())
		make(inflight);
}

void
inflight_close(struct inflight *inflight)
{
	if (inflight->send_fd >= 0)
		close(inflight->send_fd);
	if (inflight->receive_fd >= 0)
		close(inflight->receive_fd);
	inflight->send_fd = inflight->receive_fd = -1;
}

static uint8_t *
count_of(struct inflight *inflight, uint64_t message)
{
	return &inflight->counts[message % INFLIGHT_MESSAGES];
}

static void
add_message(struct inflight *inflight, size_t count)
{
	*count_of(inflight, inflight->next++) = (uint8_t)count;
	inflight->count += count;
}

/* The offset counts bytes, and each message has one. */
static void
set_peek_offset(const struct inflight *inflight, int offset)
{
	setsockopt(inflight->receive_fd, SOL_SOCKET, SO_PEEK_OFF, &offset,
		   sizeof offset);
}

bool
inflight_peek(struct inflight *inflight, int fds[INFLIGHT_FDS], size_t *count,
	      bool *all)
{
	union control control;
	char byte;
	struct iovec data = { &byte, 1 };
	struct msghdr message = { .msg_iov = &data,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof control };
	struct cmsghdr *header = &control.header;

	set_peek_offset(inflight, (int)(inflight->peeked - inflight->first));
	if (recvmsg(inflight->receive_fd, &message,
		    MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0)
		return false;
	*all = !(message.msg_flags & MSG_CTRUNC);
	*count = 0;
	if (message.msg_controllen >= sizeof *header)
		*count = (header->cmsg_len - CMSG_LEN(0)) / sizeof *fds;
	memcpy(fds, CMSG_DATA(header), *count * sizeof *fds);
	add_message(inflight, *count);
	inflight->peeked = inflight->next;
	return true;
}

bool
inflight_is_full(const struct inflight *inflight, size_t more)
{
	struct rlimit limit = { .rlim_cur = RLIM_INFINITY };

	getrlimit(RLIMIT_NOFILE, &limit);
	return inflight->count + more + LEFT_TO_OTHERS > limit.rlim_cur;
}

bool
inflight_send(struct inflight *inflight, const int *fds, size_t count)
{
	union control control = { 0 };
	char byte = 0;
	struct iovec data = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(count * sizeof *fds),
	};

	if (inflight->next - inflight->first == INFLIGHT_MESSAGES ||
	    inflight_is_full(inflight, count))
		return false;
	control.header = (struct cmsghdr){
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
		.cmsg_len = CMSG_LEN(count * sizeof *fds),
	};
	memcpy(CMSG_DATA(&control.header), fds, count * sizeof *fds);
	if (sendmsg(inflight->send_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) !=
	    1)
		return false;
	add_message(inflight, count);
	return true;
}

void
inflight_drop(struct inflight *inflight, uint64_t before)
{
	char byte;

	set_peek_offset(inflight, -1);
	for (; inflight->first < before; inflight->first++) {
		/* Without room for them the kernel closes the descriptors. */
		if (recv(inflight->receive_fd, &byte, 1, MSG_DONTWAIT) != 1)
			return;
		inflight->count -= *count_of(inflight, inflight->first);
	}
}

bool
inflight_is_sparse(const struct inflight *inflight, size_t connections)
{
	size_t messages = (size_t)(inflight->next - inflight->first);
	size_t stale = inflight->count - connections;

	return stale > connections + INFLIGHT_FDS ||
	       messages > INFLIGHT_MESSAGES / 4 + connections / INFLIGHT_FDS;
}

bool
inflight_is_loose(const struct inflight *inflight, size_t connections)
{
	size_t messages = (size_t)(inflight->next - inflight->first);

	return inflight->count > connections ||
	       messages > (connections + INFLIGHT_FDS - 1) / INFLIGHT_FDS;
}
