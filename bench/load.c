/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

_Noreturn void
load_fail(const char *what)
{
	perror(what);
	exit(1);
}

long long
load_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int
load_dial(const struct load *load)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((unsigned short)load->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, load->is_udp ? SOCK_DGRAM : SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		load_fail("connect");
	return fd;
}

void
load_pause(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
}

bool
load_push(const struct load *load, struct peer *peer, const char *data)
{
	size_t size = (size_t)(load->line_bytes * load->write_lines);
	size_t begin = peer->sent % size, rest = peer->total - peer->sent;
	ssize_t sent;

	if (size - begin < rest)
		rest = size - begin;
	if (peer->tls)
		sent = tls_send(peer->tls, data + begin, rest);
	else
		sent = send(peer->fd, data + begin, rest,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN)
		load_fail("send");
	if (sent > 0)
		peer->sent += (size_t)sent;
	return sent > 0;
}

static int
compare(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;

	return (x > y) - (x < y);
}

void
load_print_delays(long long *delays_ns, long count)
{
	if (count == 0)
		return;
	qsort(delays_ns, (size_t)count, sizeof *delays_ns, compare);
	printf("p50_us=%.1f p99_us=%.1f max_us=%.1f\n",
	       (double)delays_ns[count / 2] / 1000,
	       (double)delays_ns[count * 99 / 100] / 1000,
	       (double)delays_ns[count - 1] / 1000);
}
