/* SPDX-License-Identifier: MIT */
#include "system/sockets_input.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/membarrier.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "system/unix_sockets.h"

/* A peer that sends at full speed does so once in some microseconds. */
#define DELIVERED_TRIES 1000

static int
set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value);
}

/*
 * Drop packets that have a smaller TTL or hop limit, without an answer (ip(7)):
 * with 255 all, but those of a peer on the same link that begins at 255.
 */
static void
set_min_ttl(int fd, int ttl)
{
	set(fd, IPPROTO_IP, IP_MINTTL, ttl);
	set(fd, IPPROTO_IPV6, IPV6_MINHOPCOUNT, ttl);
}

void
sockets_block_input(int fd)
{
	struct sock_filter nothing[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
	struct sock_fprog program = { 1, nothing };

	/* It would take datagrams of a Unix socket, and drop them. */
	if (unix_is_socket(fd))
		return;
	/* Linux 6.18 lets only CAP_NET_ADMIN attach a filter to TCP. */
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
		       sizeof program) != 0)
		set_min_ttl(fd, 255);
}

void
sockets_wait_for_inflight(void)
{
	/*
	 * The kernel delivers packets in RCU read-side critical sections.
	 * This call waits until all those that have begun are over.
	 */
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

void
sockets_unblock_input(int fd)
{
	set(fd, SOL_SOCKET, SO_DETACH_FILTER, 0);
	set_min_ttl(fd, 0);
}

bool
sockets_input_has_ended(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLRDHUP };

	return poll(&ready, 1, 0) > 0;
}

unsigned
sockets_pending(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof info;
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	if (unix_is_socket(fd))
		return poll(&ready, 1, 0) > 0;
	/* For a listener this is its queue's length, as ss(8) shows it. */
	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size);
	return info.tcpi_unacked;
}

unsigned
sockets_pending_limit(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof info;

	/* Of a listener. */
	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size);
	return info.tcpi_sacked;
}

/*
 * The kernel's states of TCP.  <netinet/tcp.h> has them, but lacks the counters
 * in struct tcp_info and conflicts with <linux/tcp.h>.
 */
enum { TIME_WAIT = 6, CLOSE = 7, CLOSE_WAIT = 8, LAST_ACK = 9, CLOSING = 11 };

/*
 * Whether the peer has ended its stream.  In state CLOSE the pending error
 * decides: none, or EPIPE, which the kernel sets if a reset followed the end.
 */
static bool
has_ended(int fd, int state, int *error)
{
	socklen_t size = sizeof *error;

	*error = 0;
	if (state == CLOSE) {
		getsockopt(fd, SOL_SOCKET, SO_ERROR, error, &size);
		if (*error == EPIPE)
			*error = 0;
		return *error == 0;
	}
	return state == CLOSE_WAIT || state == LAST_ACK || state == CLOSING ||
	       state == TIME_WAIT;
}

/* What the kernel has received, and what of it nobody has read, at once. */
static void
count_received(int fd, struct tcp_info *info, int *unread)
{
	int before, tries = DELIVERED_TRIES;

	ioctl(fd, SIOCINQ, unread);
	do {
		socklen_t size = sizeof *info;

		before = *unread;
		getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &size);
		ioctl(fd, SIOCINQ, unread);
	} while (before != *unread && --tries > 0);
}

uint64_t
sockets_bytes_delivered(int fd, int *error)
{
	struct tcp_info info = { 0 };
	uint64_t received, left;
	int unread = 0;

	count_received(fd, &info, &unread);
	received = info.tcpi_bytes_received;
	/* The FIN of a stream counts as a byte of it. */
	left = (uint64_t)unread + has_ended(fd, info.tcpi_state, error);
	return received > left ? received - left : 0;
}

uint64_t
sockets_bytes_received(int fd)
{
	struct tcp_info info = { 0 };
	int unread = 0, error;
	bool ended;

	count_received(fd, &info, &unread);
	ended = has_ended(fd, info.tcpi_state, &error);
	return info.tcpi_bytes_received -
	       (info.tcpi_bytes_received > 0 && ended);
}
