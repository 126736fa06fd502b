/* SPDX-License-Identifier: MIT */
/*
 * limit: the least work with which a receiver can log what arrives: the other
 * receivers are compared with it.  One thread for each connection, recv() and
 * write(); for datagrams recvmmsg() and writev().  No framing, time, address or
 * escaping.  Given the bytes of a line, it writes as many more for each as
 * portlogd does, without a look at the data.  Any error ends it.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define READ_BYTES 65536
#define DATAGRAMS 256
#define DATAGRAM_BYTES 2048
#define RECEIVE_BUFFER 8388608

/* "2026-11-29T12:00:00.123456Z tcp/34567 127.0.0.1:45678 F " */
#define COLUMNS 56

static int log_fd;
static size_t line_bytes; /* 0: write what was read */

/* How much to write of a stream, of which so much was read: rest and size. */
static size_t
wide(size_t *rest, size_t size)
{
	size_t ended = line_bytes > 0 ? (*rest + size) / line_bytes : 0;

	*rest += size - ended * line_bytes;
	return size + ended * COLUMNS;
}

static void *
serve(void *argument)
{
	size_t rest = 0, most = READ_BYTES + COLUMNS;
	char *data;
	int fd = (int)(long)argument;
	ssize_t size;

	if (line_bytes > 0)
		most += READ_BYTES / line_bytes * COLUMNS;
	data = malloc(most);
	if (!data)
		err(1, "malloc");
	/* Else memory costs nothing until it is received into. */
	if (line_bytes > 0)
		memset(data, '-', most);
	while ((size = recv(fd, data, READ_BYTES, 0)) > 0)
		if (write(log_fd, data, wide(&rest, (size_t)size)) < 0)
			err(1, "write");
	free(data);
	close(fd);
	return NULL;
}

static _Noreturn void
serve_all(int fd)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int peer;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 32768);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	listen(fd, 4096);
	for (;;) {
		peer = accept(fd, NULL, NULL);
		if (peer < 0)
			err(1, "accept");
		errno = pthread_create(&thread, &attributes, serve,
				       (void *)(long)peer);
		if (errno != 0)
			err(1, "pthread_create");
	}
}

static _Noreturn void
drain(int fd)
{
	static char data[DATAGRAMS][DATAGRAM_BYTES];
	struct iovec parts[DATAGRAMS];
	struct mmsghdr messages[DATAGRAMS] = { 0 };
	int size = RECEIVE_BUFFER, count;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	for (;;) {
		for (int i = 0; i < DATAGRAMS; i++) {
			parts[i] = (struct iovec){ data[i], DATAGRAM_BYTES };
			messages[i].msg_hdr.msg_iov = &parts[i];
			messages[i].msg_hdr.msg_iovlen = 1;
		}
		count = recvmmsg(fd, messages, DATAGRAMS, MSG_WAITFORONE, NULL);
		if (count < 0)
			err(1, "recvmmsg");
		for (int i = 0; i < count; i++)
			parts[i].iov_len = messages[i].msg_len;
		if (writev(log_fd, parts, count) < 0)
			err(1, "writev");
	}
}

int
main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	bool is_udp;
	int fd;

	if (argc < 4 || argc > 5)
		errx(64, "usage: limit tcp|udp PORT FILE [LINE-BYTES]");
	line_bytes = argc == 5 ? (size_t)atoi(argv[4]) : 0;
	is_udp = strcmp(argv[1], "udp") == 0;
	at.sin_port = htons((unsigned short)atoi(argv[2]));
	log_fd = open(argv[3], O_WRONLY | O_CREAT | O_APPEND, 0640);
	fd = socket(AF_INET, is_udp ? SOCK_DGRAM : SOCK_STREAM, 0);
	if (log_fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0)
		err(1, "%s", argv[3]);
	if (is_udp)
		drain(fd);
	serve_all(fd);
}
