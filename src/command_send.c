/* SPDX-License-Identifier: MIT */
/* portlog send: stdin to a port, with a receipt. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "command.h"
#include "diag.h"
#include "dial.h"
#include "lines.h"
#include "progress.h"

#define BLOCK_BYTES 131072

/* What a refusal may take to come back: only the first datagram waits for it.
 */
#define REFUSAL_MS 200

struct send {
	const char *host, *port;
	enum protocol protocol;
	bool without_receipt;
	int timeout_ms;
	struct addrinfo *all, *next; /* addresses, and those not yet tried */
	int fd;
	struct progress progress;
	unsigned long long lines, bytes; /* handed over to the system */
	bool told_refusal, has_failed;
};

static const char usage[] =
	"usage: portlog send [-u] [-n] [-w SECONDS] HOST PORT\n";

static const char help[] =
	"Sends the lines of standard input to a port.\n"
	"\n"
	"  -u          UDP, a datagram a line, without its newline\n"
	"  -n          do not wait until the other side has closed\n"
	"  -w SECONDS  wait no longer than this, to connect and for the close\n"
	"  -h          this help\n"
	"\n"
	"Exit 0 means that the other side has taken everything and closed: "
	"with\n"
	"portlogd, that it is in the log.  See portlog(1).\n";

/* 0: go on; -1: only help was asked for; else the exit code. */
static int
parse_options(struct send *s, int argc, char **argv)
{
	int c;

	while ((c = command_option(argc, argv, "+unw:h")) != -1) {
		switch (c) {
		case 'u':
			s->protocol = PROTOCOL_UDP;
			break;
		case 'n':
			s->without_receipt = true;
			break;
		case 'w':
			if (!command_parse_ms(optarg, &s->timeout_ms))
				return command_misused(
					usage,
					"-w: found \"%s\", expected seconds",
					optarg);
			break;
		case 'h':
			printf("%s\n%s", usage, help);
			return -1;
		default:
			return command_misused(usage, NULL);
		}
	}
	if (argc - optind != 2)
		return command_misused(usage, "expected HOST and PORT");
	s->host = argv[optind];
	s->port = argv[optind + 1];
	return command_check_port(usage, s->port);
}

static bool
failed(struct send *s, const char *what)
{
	progress_end(&s->progress);
	s->has_failed = true;
	diag(LOG_ERR, "%s port %s: %s; %llu lines were handed over", s->host,
	     s->port, what, s->lines);
	return false;
}

static bool
failed_by_errno(struct send *s)
{
	return failed(s, errno ? strerror(errno)
			       : "closed by the other side before the end");
}

static bool
connect_next(struct send *s)
{
	s->fd = dial_next(&s->next, s->timeout_ms);
	if (s->fd >= 0)
		return true;
	diag(LOG_ERR, "%s port %s: %s", s->host, s->port, strerror(errno));
	s->has_failed = true;
	return false;
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

/* All of it, however long the other side makes us wait. */
static bool
send_all(struct send *s, const char *data, size_t size)
{
	struct pollfd ready = { .fd = s->fd, .events = POLLIN | POLLOUT };

	while (size > 0) {
		ssize_t sent =
			send(s->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent > 0) {
			s->lines += count_lines(data, (size_t)sent);
			s->bytes += (size_t)sent;
			data += sent;
			size -= (size_t)sent;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return failed_by_errno(s);
		poll(&ready, 1, -1);
		/* Whoever answers must not wait for us to listen. */
		if (ready.revents & POLLIN && !dial_discard(s->fd))
			return failed_by_errno(s);
		progress_show(&s->progress, s->lines, s->bytes);
	}
	return true;
}

/* Wait for input, and meanwhile for the other side to go away. */
static bool
wait_for_input(struct send *s)
{
	struct pollfd ready[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = s->fd, .events = POLLIN },
	};

	do {
		poll(ready, 2, -1);
		if (ready[1].revents && !dial_discard(s->fd))
			return failed_by_errno(s);
	} while (!ready[0].revents);
	return true;
}

static bool
input_failed(struct send *s)
{
	char what[128];

	snprintf(what, sizeof what, "standard input: %s", strerror(errno));
	return failed(s, what);
}

static void
send_stream(struct send *s)
{
	static char block[BLOCK_BYTES];
	ssize_t size;

	if (!connect_next(s))
		return;
	progress_start(&s->progress);
	do {
		if (!wait_for_input(s))
			return;
		size = read(STDIN_FILENO, block, sizeof block);
		if (size < 0 && errno != EINTR && !input_failed(s))
			return;
		if (size > 0 && !send_all(s, block, (size_t)size))
			return;
		progress_show(&s->progress, s->lines, s->bytes);
	} while (size != 0);
	progress_end(&s->progress);
	if (s->without_receipt)
		return;
	if (!dial_receipt(s->fd, s->timeout_ms))
		failed(s, errno == ETIMEDOUT ? "not closed in time"
			  : errno == ECONNABORTED
				  ? "closed before all was taken"
				  : strerror(errno));
}

/* Whether a datagram that was sent has come back as refused by then. */
static bool
is_refused(int fd, int wait_ms)
{
	struct pollfd answer = { .fd = fd };
	int error = 0;
	socklen_t size = sizeof error;

	poll(&answer, 1, wait_ms);
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	return error == ECONNREFUSED;
}

/* Told once; what follows may find a receiver again, so it is still sent. */
static void
tell_refused(struct send *s)
{
	if (!s->told_refusal)
		diag(LOG_ERR, "%s port %s: %s", s->host, s->port,
		     strerror(ECONNREFUSED));
	s->told_refusal = s->has_failed = true;
}

/* One datagram; an error that it meets may be that of an earlier one. */
static bool
send_datagram(struct send *s, const struct lines *lines,
	      const struct line *line)
{
	while (send(s->fd, line->text, line->size, 0) < 0) {
		switch (errno) {
		case ECONNREFUSED:
			tell_refused(s);
			break;
		case EAGAIN:
		case ENOBUFS:
			dial_wait(s->fd);
			break;
		case EMSGSIZE:
			diag(LOG_ERR,
			     "line %llu: found %zu bytes, more than a datagram "
			     "can hold",
			     lines->number, line->size);
			s->has_failed = true;
			return true;
		default:
			return failed_by_errno(s);
		}
	}
	s->lines++;
	s->bytes += line->size;
	return true;
}

/*
 * The first datagram finds out which of several addresses has a receiver: a
 * UDP socket connects to any of them.
 */
static bool
send_first(struct send *s, const struct lines *lines, const struct line *line)
{
	if (!send_datagram(s, lines, line))
		return false;
	while (s->next && is_refused(s->fd, REFUSAL_MS)) {
		close(s->fd);
		s->lines = s->bytes = 0;
		if (!connect_next(s) || !send_datagram(s, lines, line))
			return false;
	}
	return true;
}

static void
send_datagrams(struct send *s)
{
	struct lines lines;
	struct line line;

	if (!connect_next(s))
		return;
	lines_init(&lines, STDIN_FILENO);
	progress_start(&s->progress);
	while (lines_next(&lines, &line)) {
		if (!(lines.number == 1 ? send_first : send_datagram)(s, &lines,
								      &line))
			break;
		progress_show(&s->progress, s->lines, s->bytes);
	}
	progress_end(&s->progress);
	errno = lines.error;
	if (lines.error)
		input_failed(s);
	lines_free(&lines);
	if (s->lines > 0 && !s->without_receipt &&
	    is_refused(s->fd, REFUSAL_MS))
		tell_refused(s);
}

int
command_send(int argc, char **argv)
{
	struct send s = { .timeout_ms = -1, .fd = -1 };
	int result = parse_options(&s, argc, argv);

	if (result != 0)
		return result < 0 ? EX_OK : result;
	s.all = s.next = dial_resolve(s.host, s.port, s.protocol);
	if (!s.all)
		return EXIT_FAILURE;
	if (s.protocol == PROTOCOL_TCP)
		send_stream(&s);
	else
		send_datagrams(&s);
	if (s.fd >= 0)
		close(s.fd);
	freeaddrinfo(s.all);
	return s.has_failed ? EXIT_FAILURE : EX_OK;
}
