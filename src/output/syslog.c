/* SPDX-License-Identifier: MIT */
/*
 * The sink of the local syslog daemon.  It writes to the daemon's socket as
 * syslog(3) does, but sees whether each message was taken.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/escape.h"
#include "output/sink.h"

#define SOCKET_PATH "/dev/log"

/* "<30>Nov 23 07:12:01 portlogd[42]: tcp/514 192.0.2.7:51034 " at most. */
#define HEADER_BYTES 512

static int
connect_as(int type)
{
	struct sockaddr_un address = { AF_UNIX, SOCKET_PATH };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0), error;

	if (fd < 0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* Most daemons take datagrams, some a stream, as syslog(3) knows too. */
static bool
connect_syslog(struct sink *sink)
{
	sink->fd = connect_as(SOCK_DGRAM);
	sink->ends_in_nul = sink->fd < 0 && errno == EPROTOTYPE;
	if (sink->ends_in_nul)
		sink->fd = connect_as(SOCK_STREAM);
	return sink->fd >= 0;
}

static void
disconnect_syslog(struct sink *sink)
{
	if (sink->fd >= 0)
		close(sink->fd);
	sink->fd = -1;
}

static bool
open_syslog(struct sink *sink)
{
	sink->max_line = sink->config->max_line;
	sink->buffer = malloc(sink->max_line + 1);
	return sink->buffer && connect_syslog(sink);
}

static void
close_syslog(struct sink *sink)
{
	disconnect_syslog(sink);
	free(sink->buffer);
}

/* "<30>Nov 23 07:12:01 portlogd[42]: tcp/514 192.0.2.7:51034 ", RFC 3164. */
static size_t
put_header(const struct sink *sink, char *out, const struct record *record)
{
	const struct output_config *config = sink->config;
	char time[32];
	struct tm local;

	localtime_r(&record->time.tv_sec, &local);
	strftime(time, sizeof time, "%b %e %H:%M:%S", &local);
	return (size_t)snprintf(out, HEADER_BYTES, "<%u>%s %s[%d]: %s %s ",
				config->facility << 3 | config->severity, time,
				config->ident, (int)getpid(),
				record->origin->listener, record->origin->peer);
}

/* A stream may take a message in parts.  What has begun is not begun again. */
static bool
send_message(const struct sink *sink, size_t size)
{
	size_t sent = 0;

	while (sent < size) {
		ssize_t taken = send(sink->fd, sink->buffer + sent, size - sent,
				     MSG_NOSIGNAL);

		if (taken >= 0)
			sent += (size_t)taken;
		else if (errno != EINTR)
			return false;
	}
	return true;
}

/*
 * Send as much of the record as one message holds, from sink->sent on.  A long
 * record takes several messages, so that no daemon cuts it unseen.
 */
static bool
send_part(struct sink *sink, const struct record *record)
{
	char *message = sink->buffer;
	size_t used = put_header(sink, message, record);
	size_t taken = record->size - sink->sent, tag = used;

	used += 2;
	used += escape(message + used, sink->max_line - used,
		       record->data + sink->sent, &taken);
	message[tag] = (char)record_line_tag(record, sink->sent + taken);
	message[tag + 1] = ' ';
	if (sink->ends_in_nul)
		message[used++] = '\0';
	if (!send_message(sink, used))
		return false;
	sink->sent += taken;
	return true;
}

static bool
send_syslog(struct sink *sink, const struct record *record)
{
	int error;

	do {
		if (sink->fd < 0 && !connect_syslog(sink))
			return false;
		if (!send_part(sink, record)) {
			error = errno;
			/* Connect again: the daemon may have a new socket. */
			disconnect_syslog(sink);
			errno = error;
			return false;
		}
	} while (sink->sent < record->size);
	sink->sent = 0;
	return true;
}

const struct sink_ops sink_syslog = {
	.open = open_syslog,
	.send = send_syslog,
	.close = close_syslog,
	.path = SOCKET_PATH,
};
