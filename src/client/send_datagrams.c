/* SPDX-License-Identifier: MIT */
#include "client/send.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/diag.h"
#include "client/dial.h"
#include "client/lines.h"

/* Whether a datagram that was sent is refused within DIAL_REFUSAL_MS. */
static bool
is_refused(int fd)
{
	struct pollfd answer = { .fd = fd };

	poll(&answer, 1, DIAL_REFUSAL_MS);
	return dial_error(fd) == ECONNREFUSED;
}

/* Log it once.  Go on to send: the next datagrams may find a receiver. */
static void
log_refused(struct send *s)
{
	if (!s->refusal_logged) {
		progress_hide(&s->progress);
		diag(LOG_ERR, "%s port %s: %s", s->host, s->port,
		     strerror(ECONNREFUSED));
	}
	s->refusal_logged = s->has_failed = true;
}

/* send() may return the error of an earlier datagram, so it is repeated. */
static bool
send_datagram(struct send *s, const struct lines *lines,
	      const struct line *line)
{
	while (send(s->channel.fd, line->text, line->size, 0) < 0) {
		switch (errno) {
		case ECONNREFUSED:
			log_refused(s);
			break;
		case EAGAIN:
		case ENOBUFS:
			dial_wait(s->channel.fd);
			break;
		case EMSGSIZE:
			progress_hide(&s->progress);
			diag(LOG_ERR,
			     "line %llu: found %zu bytes, more than a datagram "
			     "can hold",
			     lines->number, line->size);
			s->has_failed = true;
			return true;
		default:
			return send_failed(s, strerror(errno));
		}
	}
	s->progress.lines++;
	s->progress.bytes += line->size;
	return true;
}

/*
 * The first datagram finds out which of several addresses has a receiver, for
 * connect() of a UDP socket always succeeds.  Only this one waits for refusal.
 */
static bool
send_first(struct send *s, const struct lines *lines, const struct line *line)
{
	if (!send_datagram(s, lines, line))
		return false;
	while (s->next && is_refused(s->channel.fd)) {
		channel_close(&s->channel);
		s->progress.lines = s->progress.bytes = 0;
		if (!send_connect(s) || !send_datagram(s, lines, line))
			return false;
	}
	return true;
}

void
send_datagrams(struct send *s)
{
	struct input input;
	struct lines lines = { .input = &input };
	struct line line;

	if (!send_connect(s))
		return;
	input_open(&input, "-");
	progress_start(&s->progress);
	while (lines_next(&lines, &line))
		if (!(lines.number == 1 ? send_first : send_datagram)(s, &lines,
								      &line))
			break;
	if (lines.error)
		send_input_failed(s, lines.error);
	lines_free(&lines);
	if (s->progress.lines > 0 && !s->without_receipt &&
	    is_refused(s->channel.fd))
		log_refused(s);
}
