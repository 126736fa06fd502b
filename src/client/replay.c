/* SPDX-License-Identifier: MIT */
#include "client/replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/memory.h"
#include "client/dial.h"
#include "client/pending_closes.h"
#include "client/stream.h"

/* Give up when no receipt has come for so long. */
#define RECEIPT_S 30

/* A wait that looks as if nothing happened any more. */
#define LOGGED_WAIT_S 10

struct replay {
	const struct replay_options *options;
	struct addrinfo *addresses;
	struct streams streams;
	struct buffer message;
	bool has_begun, has_failed;
	bool refusal_logged; /* of datagrams */
	char *last_reason;   /* of a failure; it came again so often: */
	unsigned long long repeated;
	struct timespec last; /* the time of the last record */
	double due_s;         /* when it was to be sent; of now_s() */
	struct pending_closes pending_closes;
};

static double
now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/*
 * How long after the record before a record is to be sent.  Threads may write
 * records a little out of order: a gap below 0 makes up for that before it.  If
 * it is as long as none may be, the clock was set.
 */
static double
gap_s(const struct replay *r, const struct timespec *time)
{
	double gap = (double)(time->tv_sec - r->last.tv_sec) +
		     (double)(time->tv_nsec - r->last.tv_nsec) / 1e9;
	double max = (double)r->options->max_gap_ms / 1000;

	gap /= r->options->speed;
	if (max < 0 || (-max < gap && gap < max))
		return gap;
	return gap < 0 ? 0 : max;
}

/* Wait until a record is to be sent, and collect receipts meanwhile. */
static void
wait_for_time(struct replay *r, const struct timespec *time)
{
	double left_s;

	if (r->options->speed <= 0)
		return;
	if (!r->has_begun)
		r->due_s = now_s();
	else
		r->due_s += gap_s(r, time);
	r->has_begun = true;
	r->last = *time;
	left_s = r->due_s - now_s();
	if (left_s >= LOGGED_WAIT_S)
		diag(LOG_INFO,
		     "waiting %.0f seconds for the next record, as long as the "
		     "log did (see --max-gap)",
		     left_s);
	while ((left_s = r->due_s - now_s()) > 0)
		pending_closes_wait(&r->pending_closes, left_s);
}

/* Log how often the last error came again. */
static void
end_errors(struct replay *r)
{
	if (r->repeated > 0)
		diag(LOG_ERR, "%s port %s: the same %llu times more",
		     r->options->host, r->options->port, r->repeated);
	r->repeated = 0;
}

static void
failed(void *replay, const char *stream, const char *reason)
{
	struct replay *r = replay;

	r->has_failed = true;
	if (r->last_reason && strcmp(reason, r->last_reason) == 0) {
		r->repeated++;
		return;
	}
	end_errors(r);
	free(r->last_reason);
	r->last_reason = memory_copy(reason);
	diag(LOG_ERR, "%s port %s: for %s: %s", r->options->host,
	     r->options->port, stream, reason);
}

struct replay *
replay_start(const struct replay_options *options)
{
	struct replay *r = memory_zeroed(1, sizeof *r);

	r->options = options;
	r->pending_closes.failed = failed;
	r->pending_closes.argument = r;
	r->addresses =
		dial_resolve(options->host, options->port, options->protocol);
	if (r->addresses)
		return r;
	free(r);
	return NULL;
}

/* Wait for one receipt.  false: none is pending, or none came in time. */
static bool
collect_one(struct replay *r)
{
	size_t count = r->pending_closes.count;
	double until_s = now_s() + RECEIPT_S, left_s;

	while (r->pending_closes.count > 0 &&
	       r->pending_closes.count == count &&
	       (left_s = until_s - now_s()) > 0)
		pending_closes_wait(&r->pending_closes, left_s);
	return r->pending_closes.count < count;
}

/* Connect a stream that is not connected.  false: logged. */
static bool
connect_stream(struct replay *r, struct stream *stream)
{
	struct addrinfo *next;
	int fd = stream->channel.fd;

	if (fd >= 0)
		return true;
	do {
		next = r->addresses;
		fd = dial_next(&next, -1);
	} while (fd < 0 && errno == EMFILE && collect_one(r));
	stream->channel = channel_of(fd);
	if (fd >= 0 && (!r->options->tls ||
			channel_secure(&stream->channel, r->options->tls, -1)))
		return true;
	failed(r, stream->key, channel_reason(&stream->channel));
	if (fd >= 0)
		channel_close(&stream->channel);
	return false;
}

/* Log it once: the next datagrams may find a receiver. */
static void
log_refused(struct replay *r)
{
	if (!r->refusal_logged)
		diag(LOG_ERR, "%s port %s: %s", r->options->host,
		     r->options->port, strerror(ECONNREFUSED));
	r->refusal_logged = r->has_failed = true;
}

/*
 * Wait until a channel takes more.  What the peer sends meanwhile is discarded:
 * it may take nothing before that.  false and errno: the channel has failed.
 */
static bool
wait_writable(struct channel *c)
{
	struct pollfd ready = { .fd = c->fd,
				.events = channel_events(c, true) };

	poll(&ready, 1, -1);
	return !(ready.revents & POLLIN) || channel_discard(c) || errno == 0;
}

/* On UDP, send() may return the refusal of an earlier datagram. */
static bool
send_all(struct replay *r, struct channel *c)
{
	bool is_udp = r->options->protocol == PROTOCOL_UDP;
	size_t done = 0, size = r->message.size;

	do {
		ssize_t sent =
			channel_send(c, r->message.data + done, size - done);

		if (sent >= 0)
			done += (size_t)sent;
		else if (is_udp && (errno == EAGAIN || errno == ENOBUFS))
			dial_wait(c->fd);
		else if (is_udp && errno == ECONNREFUSED)
			log_refused(r);
		else if (errno == EAGAIN ? !wait_writable(c) : errno != EINTR)
			return false;
	} while (done < size);
	return true;
}

static void
send_message(struct replay *r, struct stream *stream)
{
	if (!connect_stream(r, stream))
		return;
	if (send_all(r, &stream->channel))
		return;
	failed(r, stream->key, channel_reason(&stream->channel));
	channel_close(&stream->channel);
}

static void
close_stream(struct stream *stream, void *replay)
{
	struct replay *r = replay;

	if (stream->channel.fd < 0)
		return;
	if (r->options->protocol == PROTOCOL_TCP) {
		pending_closes_add(&r->pending_closes, &stream->channel,
				   stream->key);
		return;
	}
	if (dial_error(stream->channel.fd) == ECONNREFUSED)
		log_refused(r);
	channel_close(&stream->channel);
}

/* With times to keep, do not wait: a slow peer would delay the others. */
static void
end_stream(struct replay *r, struct stream *stream)
{
	close_stream(stream, r);
	streams_remove(&r->streams, stream);
	if (r->options->speed <= 0)
		collect_one(r);
	else
		pending_closes_wait(&r->pending_closes, 0);
}

/* Whether a record must be joined from its pieces before it can be sent. */
static bool
is_joined(const struct replay *r)
{
	return r->options->protocol == PROTOCOL_UDP ||
	       r->options->framing == REPLAY_OCTET_COUNTED;
}

/* Whether this line completes a record; TAG_END says that it was cut off. */
static bool
is_whole(const struct log_line *line)
{
	return line->tag == TAG_WHOLE || line->tag == TAG_TRUNCATED;
}

/*
 * A record that its stream's end cut off was shorter than its count: count one
 * byte more.  Never send a count of 0.
 */
static void
put_count(struct replay *r, const struct stream *stream,
	  const struct log_line *line)
{
	size_t size = stream->pieces.size + line->size + (line->tag == TAG_END);
	char count[32];
	int digits = snprintf(count, sizeof count, "%zu ", size);

	if (size > 0)
		buffer_add(&r->message, count, (size_t)digits);
}

/* Put what is sent for a record or a piece into r->message. */
static void
put_record(struct replay *r, struct stream *stream, const struct log_line *line)
{
	bool is_stream = r->options->protocol == PROTOCOL_TCP;
	enum replay_framing framing = r->options->framing;

	r->message.size = 0;
	if (is_stream && framing == REPLAY_OCTET_COUNTED)
		put_count(r, stream, line);
	buffer_add(&r->message, stream->pieces.data, stream->pieces.size);
	buffer_add(&r->message, line->data, line->size);
	stream->pieces.size = 0;
	if (is_stream && is_whole(line) && framing <= REPLAY_NUL)
		buffer_add(&r->message, framing == REPLAY_NUL ? "" : "\n", 1);
}

/* The last byte of a record so far, this line included; 0: it has none. */
static char
last_byte(struct stream *stream, const struct log_line *line)
{
	char last = line->size > 0 ? line->data[line->size - 1] : stream->last;

	stream->last = line->tag == TAG_PIECE ? last : '\0';
	return last;
}

/* NULL; or what was expected: the peer would read another record than this. */
static const char *
find_change(const struct replay *r, struct stream *stream,
	    const struct log_line *line)
{
	enum replay_framing framing = r->options->framing;
	int terminator = framing == REPLAY_NUL ? '\0' : '\n';
	char last = last_byte(stream, line);

	if (framing == REPLAY_NONE)
		return NULL;
	if (r->options->protocol == PROTOCOL_UDP)
		return line->size + stream->pieces.size > 0 &&
				       (last == '\n' || last == '\0') &&
				       line->tag != TAG_PIECE
			     ? "no newline or NUL at the end of a datagram "
			       "(see -f)"
			     : NULL;
	if (framing == REPLAY_OCTET_COUNTED)
		return line->size + stream->pieces.size == 0 && is_whole(line)
			     ? "no empty record (see -f)"
			     : NULL;
	if (line->size > 0 && memchr(line->data, terminator, line->size))
		return framing == REPLAY_NUL
			     ? "no NUL in a record (see -f)"
			     : "no newline in a record (see -f)";
	if (framing == REPLAY_LINE && last == '\r' && is_whole(line))
		return "no CR at the end of a record (see -f)";
	return NULL;
}

static const char *
send_record(struct replay *r, const struct log_line *line)
{
	struct stream *stream = streams_get(&r->streams, line);
	const char *change = find_change(r, stream, line);

	if (line->tag == TAG_PIECE && is_joined(r)) {
		buffer_add(&stream->pieces, line->data, line->size);
		return change;
	}
	put_record(r, stream, line);
	if (r->message.size > 0 || r->options->protocol == PROTOCOL_UDP)
		send_message(r, stream);
	if (line->tag == TAG_END)
		end_stream(r, stream);
	return change;
}

static void
take_note(struct replay *r, const struct log_line *line)
{
	struct stream *stream;

	if (log_line_is_note(line, "opened")) {
		connect_stream(r, streams_get(&r->streams, line));
		return;
	}
	stream = log_line_is_note(line, "closed")
		       ? streams_find(&r->streams, line)
		       : NULL;
	if (stream)
		end_stream(r, stream);
}

const char *
replay_take(struct replay *r, const struct log_line *line)
{
	struct timespec time;

	if (!log_line_time(line, &time))
		return "a time, such as 2026-11-23T07:12:01.123456Z";
	wait_for_time(r, &time);
	if (line->tag != TAG_NOTE)
		return send_record(r, line);
	take_note(r, line);
	return NULL;
}

bool
replay_end(struct replay *r)
{
	bool good;

	if (r->options->protocol == PROTOCOL_UDP && !r->has_failed)
		clock_sleep_ms(DIAL_REFUSAL_MS);
	streams_drain(&r->streams, close_stream, r);
	while (collect_one(r))
		;
	pending_closes_end(&r->pending_closes);
	end_errors(r);
	good = !r->has_failed;
	buffer_free(&r->message);
	freeaddrinfo(r->addresses);
	free(r->last_reason);
	free(r);
	return good;
}
