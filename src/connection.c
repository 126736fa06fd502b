/* SPDX-License-Identifier: MIT */
#include "connection.h"

#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "diag.h"

enum ending {
	ENDING_NONE,
	ENDING_EOF,
	ENDING_RESET,
	ENDING_IDLE,
	ENDING_SHUTDOWN,
	ENDING_BAD_FRAME,
	ENDING_ERROR,
};

static const char *const ending_names[] = {
	[ENDING_EOF] = "eof",
	[ENDING_RESET] = "reset",
	[ENDING_IDLE] = "idle",
	[ENDING_SHUTDOWN] = "shutdown",
	[ENDING_BAD_FRAME] = "bad-frame",
	[ENDING_ERROR] = "error",
};

struct connection *
connection_new(struct listener *listener, struct connections *connections,
	       struct tally *tally)
{
	struct connection *c = malloc(sizeof *c);

	if (!c)
		return NULL;
	*c = (struct connection){
		.member = { .fd = -1,
			    .count = &listener->counters.connections },
		.listener = listener,
		.connections = connections,
		.tally = tally,
	};
	return c;
}

void
connection_accepted(struct connection *c, uint64_t number)
{
	const struct listener_config *config = c->listener->config;

	c->origin = (struct origin){ .listener = c->listener->name,
				     .connection = number,
				     .protocol = PROTOCOL_TCP };
	address_format(&c->member.peer, c->origin.peer);
	framer_init(&c->framer, (enum framing)config->framing,
		    (size_t)config->limits.max_record);
	c->opened_ms = c->received_ms = clock_now_ms();
}

/* Memory is in hand only while there is data in it, or about to be. */
static void
borrow(struct connection *c)
{
	if (c->batch)
		return;
	c->batch = batch_borrow(&c->listener->pool);
	framer_lend(&c->framer, c->batch->input, c->listener->pool.input_size);
}

static void
give_back(struct connection *c)
{
	batch_return(c->batch);
	c->batch = NULL;
	framer_lend(&c->framer, NULL, 0);
}

/* What is in hand and no record yet: lost if the outputs are not waited for. */
static void
tell_held(struct connection *c)
{
	atomic_store_explicit(&c->member.held, framer_held(&c->framer),
			      memory_order_relaxed);
}

static void
add(struct connection *c, enum tag tag, const void *data, size_t size)
{
	struct record record = {
		.time = c->time,
		.origin = &c->origin,
		.number = tag == TAG_NOTE ? 0 : c->records + 1,
		.data = data,
		.size = size,
		.tag = tag,
	};

	tell_held(c);
	batch_add(c->batch, &record);
	c->records += tag == TAG_WHOLE || tag == TAG_END;
}

static void
add_frame(struct connection *c, enum frame frame, const struct slice *slice)
{
	static const enum tag tags[] = {
		[FRAME_WHOLE] = TAG_WHOLE,
		[FRAME_PIECE] = TAG_PIECE,
		[FRAME_END] = TAG_END,
	};

	add(c, tags[frame], slice->data, slice->size);
}

/* A note by itself, which must hold only as long as this takes. */
static void
note(struct connection *c, const char *text)
{
	borrow(c);
	clock_gettime(CLOCK_REALTIME, &c->time);
	add(c, TAG_NOTE, text, strlen(text));
	batch_emit(c->batch);
}

/* Take all records out that are there; whether any was. */
static bool
take_records(struct connection *c)
{
	struct slice slice;
	enum frame frame;
	bool any = false;

	while ((frame = framer_next(&c->framer, &slice)) != FRAME_NONE) {
		any = true;
		if (frame != FRAME_BAD) {
			add_frame(c, frame, &slice);
			continue;
		}
		/* What the kernel has is still read, and nothing after it. */
		c->is_bad = true;
		connections_stop_one(c->connections, &c->member);
	}
	return any;
}

static void
flush(struct connection *c)
{
	struct slice slice;
	enum frame frame = framer_flush(&c->framer, &slice);

	c->unfinished_ms = 0;
	if (frame == FRAME_NONE)
		return;
	add_frame(c, frame, &slice);
	batch_emit(c->batch);
	/* What was held back is a new piece to wait for. */
	if (framer_held(&c->framer) > 0)
		c->unfinished_ms = clock_now_ms();
}

/* When to look again though nothing came; LLONG_MAX: never. */
static long long
flush_at_ms(const struct connection *c)
{
	long timeout_ms = c->listener->config->limits.flush_timeout_ms;

	return timeout_ms > 0 && c->unfinished_ms > 0
		     ? c->unfinished_ms + timeout_ms
		     : LLONG_MAX;
}

static void
received(struct connection *c, size_t size)
{
	long long before_ms = c->received_ms;
	bool any;

	clock_gettime(CLOCK_REALTIME, &c->time);
	c->received_ms = clock_now_ms();
	pace_read(&c->pace, size, c->received_ms - before_ms);
	c->bytes += size;
	atomic_fetch_add(&c->listener->counters.bytes, size);
	framer_received(&c->framer, size);
	any = take_records(c);
	tell_held(c);
	batch_emit(c->batch);
	if (framer_held(&c->framer) == 0)
		c->unfinished_ms = 0;
	else if (any || c->unfinished_ms == 0)
		c->unfinished_ms = c->received_ms;
	else if (c->received_ms >= flush_at_ms(c))
		flush(c);
}

/* The stream has ended: by its peer, whose FIN shows, or by us. */
static enum ending
ended(const struct connection *c)
{
	struct tcp_info info = { .tcpi_state = TCP_CLOSE_WAIT };
	socklen_t size = sizeof info;

	if (c->is_bad)
		return ENDING_BAD_FRAME;
	getsockopt(c->member.fd, IPPROTO_TCP, TCP_INFO, &info, &size);
	return info.tcpi_state == TCP_ESTABLISHED ? ENDING_SHUTDOWN
						  : ENDING_EOF;
}

static enum ending
receive(struct connection *c)
{
	unsigned char *space;
	size_t room;
	ssize_t size;

	borrow(c);
	space = framer_space(&c->framer, &room);
	size = recv(c->member.fd, space, room, MSG_DONTWAIT);
	if (size > 0) {
		received(c, (size_t)size);
		return ENDING_NONE;
	}
	if (size == 0)
		return ended(c);
	pace_read(&c->pace, 0, 0);
	switch (errno) {
	case EAGAIN:
	case EINTR:
	case ENOBUFS:
	case ENOMEM:
		return ENDING_NONE;
	case ECONNRESET:
		return ENDING_RESET;
	default:
		return ENDING_ERROR;
	}
}

static long long
idle_at_ms(const struct connection *c)
{
	long timeout_s = c->listener->config->limits.idle_timeout_s;

	return timeout_s > 0 ? c->received_ms + timeout_s * 1000LL : LLONG_MAX;
}

/* What a busy peer sends comes together while its thread sleeps. */
static enum ending
receive_later(struct connection *c)
{
	const struct timespec pause = { .tv_nsec = PACE_SLEEP_NS };

	nanosleep(&pause, NULL);
	return receive(c);
}

/* Wait until there is something to read or to do. */
static enum ending
wait(struct connection *c)
{
	struct pollfd readable = { .fd = c->member.fd, .events = POLLIN };
	long long flush_ms = flush_at_ms(c), idle_ms = idle_at_ms(c), now_ms;
	long long next_ms = flush_ms < idle_ms ? flush_ms : idle_ms;
	int timeout_ms = -1;

	if (c->pace.busy && c->framer.framing != FRAMING_CHUNK)
		return receive_later(c);
	if (next_ms < LLONG_MAX) {
		now_ms = clock_now_ms();
		timeout_ms = next_ms <= now_ms ? 0
			   : next_ms - now_ms < INT_MAX
				   ? (int)(next_ms - now_ms)
				   : INT_MAX;
	}
	if (poll(&readable, 1, timeout_ms) > 0)
		return receive(c);
	now_ms = clock_now_ms();
	if (now_ms >= idle_ms)
		return ENDING_IDLE;
	if (now_ms >= flush_ms)
		flush(c);
	return ENDING_NONE;
}

/* A health check: the peer came, said nothing and went. */
static bool
is_probe(const struct connection *c, enum ending ending)
{
	return c->bytes == 0 && ending != ENDING_SHUTDOWN;
}

static void
note_closed(struct connection *c, enum ending ending)
{
	long notes = c->listener->config->limits.connection_notes;
	long long ms = clock_now_ms() - c->opened_ms;
	char text[160];

	if (notes == NOTES_NONE)
		return;
	if (notes != NOTES_ALL && is_probe(c, ending)) {
		tally_count(c->tally, "probes", c->listener, &c->member.peer);
		return;
	}
	snprintf(text, sizeof text,
		 "closed reason=%s records=%llu bytes=%llu seconds=%lld.%03lld",
		 ending_names[ending], (unsigned long long)c->records,
		 (unsigned long long)c->bytes, ms / 1000, ms % 1000);
	note(c, text);
}

/* Everything must be with the outputs before the peer sees us close. */
static void
finish(struct connection *c, enum ending ending)
{
	struct slice slice;
	enum frame frame;

	borrow(c);
	/* What is left has the time of its read, unless nothing is. */
	if (framer_held(&c->framer) == 0)
		clock_gettime(CLOCK_REALTIME, &c->time);
	while ((frame = framer_end(&c->framer, &slice)) != FRAME_NONE)
		add_frame(c, frame, &slice);
	batch_emit(c->batch);
	note_closed(c, ending);
	give_back(c);
}

void *
connection_main(void *argument)
{
	struct connection *c = argument;
	enum ending ending;

	if (c->listener->config->limits.connection_notes == NOTES_ALL)
		note(c, "opened");
	do {
		if (c->batch && framer_held(&c->framer) == 0)
			give_back(c);
		ending = wait(c);
	} while (ending == ENDING_NONE);
	finish(c, ending);
	diag(LOG_DEBUG, "connection %llu: closed: %s",
	     (unsigned long long)c->origin.connection, ending_names[ending]);
	connections_leave(c->connections, &c->member);
	free(c);
	return NULL;
}
