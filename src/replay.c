/* SPDX-License-Identifier: MIT */
#include "replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "diag.h"
#include "dial.h"
#include "memory.h"
#include "stream.h"

/* How long a peer that has ended may take to be closed by the other side. */
#define RECEIPT_MS 30000

struct replay {
	const struct replay_options *options;
	struct addrinfo *addresses;
	struct streams streams;
	struct buffer message;
	bool has_begun, has_failed;
	struct timespec first; /* the time of the first record */
	struct timespec begin; /* when it was sent, on CLOCK_MONOTONIC */
};

struct replay *
replay_start(const struct replay_options *options)
{
	struct replay *r = memory_zeroed(1, sizeof *r);

	r->options = options;
	r->addresses =
		dial_resolve(options->host, options->port, options->protocol);
	if (r->addresses)
		return r;
	free(r);
	return NULL;
}

/* Sleep until the record is due; one that is late is sent at once. */
static void
wait_until_due(struct replay *r, const struct timespec *time)
{
	const double billion = 1e9;
	struct timespec due = r->begin;
	double after;

	if (!r->has_begun) {
		r->has_begun = true;
		r->first = *time;
		clock_gettime(CLOCK_MONOTONIC, &r->begin);
		return;
	}
	if (r->options->speed <= 0)
		return;
	after = (double)(time->tv_sec - r->first.tv_sec) +
		(double)(time->tv_nsec - r->first.tv_nsec) / billion;
	after /= r->options->speed;
	if (after <= 0)
		return;
	due.tv_sec += (time_t)after;
	due.tv_nsec += (long)((after - (double)(time_t)after) * billion);
	due.tv_sec += due.tv_nsec / 1000000000;
	due.tv_nsec %= 1000000000;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) ==
	       EINTR)
		;
}

static void
failed(struct replay *r, const struct stream *stream)
{
	r->has_failed = true;
	diag(LOG_ERR, "%s port %s: for %s: %s", r->options->host,
	     r->options->port, stream->key, strerror(errno));
}

static bool
is_connected(struct replay *r, struct stream *stream)
{
	struct addrinfo *next = r->addresses;

	if (stream->fd < 0)
		stream->fd = dial_next(&next, -1);
	if (stream->fd < 0)
		failed(r, stream);
	return stream->fd >= 0;
}

static bool
send_all(int fd, const char *data, size_t size)
{
	size_t done = 0;

	do {
		ssize_t sent = send(fd, data + done, size - done, MSG_NOSIGNAL);

		if (sent >= 0)
			done += (size_t)sent;
		else if (errno == EAGAIN || errno == ENOBUFS)
			dial_wait(fd);
		else if (errno != EINTR)
			return false;
	} while (done < size);
	return true;
}

static void
send_message(struct replay *r, struct stream *stream)
{
	if (!is_connected(r, stream))
		return;
	if (send_all(stream->fd, r->message.data, r->message.size))
		return;
	failed(r, stream);
	close(stream->fd);
	stream->fd = -1;
}

/* The stream ends: its other side is to have taken everything. */
static void
end_stream(struct stream *stream, void *replay)
{
	struct replay *r = replay;

	if (stream->fd < 0)
		return;
	if (r->options->protocol == PROTOCOL_TCP &&
	    !dial_receipt(stream->fd, RECEIPT_MS))
		failed(r, stream);
	close(stream->fd);
	stream->fd = -1;
}

/* Whether a record must be joined from its pieces before it can be sent. */
static bool
is_joined(const struct replay *r)
{
	return r->options->protocol == PROTOCOL_UDP ||
	       r->options->framing == REPLAY_OCTET_COUNTED;
}

/* One that never ended was announced as longer than it is. */
static void
put_count(struct replay *r, const struct stream *stream,
	  const struct logline *line)
{
	char count[32];
	int digits = snprintf(count, sizeof count, "%zu ",
			      stream->pieces.size + line->size +
				      (line->tag == TAG_END));

	buffer_add(&r->message, count, (size_t)digits);
}

/* What goes over the wire for a record, or for a piece, into r->message. */
static void
put_record(struct replay *r, struct stream *stream, const struct logline *line)
{
	bool is_stream = r->options->protocol == PROTOCOL_TCP;
	bool is_whole = line->tag == TAG_WHOLE || line->tag == TAG_TRUNCATED;
	enum replay_framing framing = r->options->framing;

	r->message.size = 0;
	if (is_stream && framing == REPLAY_OCTET_COUNTED)
		put_count(r, stream, line);
	buffer_add(&r->message, stream->pieces.data, stream->pieces.size);
	buffer_add(&r->message, line->data, line->size);
	stream->pieces.size = 0;
	if (is_stream && is_whole && framing <= REPLAY_NUL)
		buffer_add(&r->message, framing == REPLAY_LINE ? "\n" : "", 1);
}

static void
send_record(struct replay *r, const struct logline *line)
{
	struct stream *stream = streams_get(&r->streams, line);

	if (line->tag == TAG_PIECE && is_joined(r)) {
		buffer_add(&stream->pieces, line->data, line->size);
		return;
	}
	put_record(r, stream, line);
	if (r->message.size > 0 || r->options->protocol == PROTOCOL_UDP)
		send_message(r, stream);
	if (line->tag != TAG_END)
		return;
	end_stream(stream, r);
	streams_remove(&r->streams, stream);
}

static void
take_note(struct replay *r, const struct logline *line)
{
	struct stream *stream;

	if (logline_is_note(line, "opened")) {
		is_connected(r, streams_get(&r->streams, line));
		return;
	}
	stream = logline_is_note(line, "closed")
		       ? streams_find(&r->streams, line)
		       : NULL;
	if (!stream)
		return;
	end_stream(stream, r);
	streams_remove(&r->streams, stream);
}

/* Whether what ends a record stands in its data, so that it would be two. */
static bool
would_split(const struct replay *r, const struct logline *line)
{
	int terminator = r->options->framing == REPLAY_LINE ? '\n' : '\0';

	return r->options->protocol == PROTOCOL_TCP &&
	       r->options->framing <= REPLAY_NUL && line->tag != TAG_NOTE &&
	       line->size > 0 && memchr(line->data, terminator, line->size);
}

const char *
replay_take(struct replay *r, const struct logline *line)
{
	struct timespec time;

	if (!logline_time(line, &time))
		return "a time, such as 2026-11-23T07:12:01.123456Z";
	wait_until_due(r, &time);
	if (line->tag == TAG_NOTE)
		take_note(r, line);
	else
		send_record(r, line);
	if (would_split(r, line))
		return r->options->framing == REPLAY_LINE
			     ? "no newline in a record (see -f)"
			     : "no NUL in a record (see -f)";
	return NULL;
}

bool
replay_end(struct replay *r)
{
	bool good;

	streams_drain(&r->streams, end_stream, r);
	good = !r->has_failed;
	buffer_free(&r->message);
	freeaddrinfo(r->addresses);
	free(r);
	return good;
}
