/* SPDX-License-Identifier: MIT */
#include "daemon/status_request.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

/* To ask, and to take all of the answer. */
#define ASK_MS 1000
#define TAKE_MS 10000

struct status_request *
status_request_new(int fd)
{
	struct status_request *r = malloc(sizeof *r);

	if (!r) {
		close(fd);
		return NULL;
	}
	r->fd = fd;
	r->failed = false;
	r->until_ms = clock_now_ms() + ASK_MS;
	r->line.end = r->buffer;
	return r;
}

void
status_request_free(struct status_request *r)
{
	close(r->fd);
	free(r);
}

/* false: its time is over. */
static bool
wait_for(const struct status_request *r, short events)
{
	struct pollfd ready = { .fd = r->fd, .events = events };
	long long left_ms = r->until_ms - clock_now_ms();

	return left_ms > 0 && poll(&ready, 1, (int)left_ms) > 0;
}

bool
status_request_read(struct status_request *r, char line[STATUS_REQUEST_LINE])
{
	size_t used = 0;
	char *end = NULL;

	while (!end && used < STATUS_REQUEST_LINE - 1 && wait_for(r, POLLIN)) {
		ssize_t size = recv(r->fd, line + used,
				    STATUS_REQUEST_LINE - 1 - used, 0);

		if (size == 0)
			break;
		if (size < 0 && errno != EAGAIN && errno != EINTR)
			break;
		used += size > 0 ? (size_t)size : 0;
		end = memchr(line, '\n', used);
	}
	r->until_ms = clock_now_ms() + TAKE_MS;
	if (!end)
		return false;
	if (end > line && end[-1] == '\r')
		end--;
	*end = '\0';
	return true;
}

void
status_request_write(struct status_request *r, bool all)
{
	const char *data = r->buffer;

	if (!all && r->line.end - r->buffer <= JSON_LINE)
		return;
	while (!r->failed && data < r->line.end) {
		ssize_t size = send(r->fd, data, (size_t)(r->line.end - data),
				    MSG_NOSIGNAL);

		if (size >= 0)
			data += size;
		else if (errno == EAGAIN)
			r->failed = !wait_for(r, POLLOUT);
		else
			r->failed = errno != EINTR;
	}
	r->line.end = r->buffer;
}
