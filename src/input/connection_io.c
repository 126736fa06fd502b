/* SPDX-License-Identifier: MIT */
#include "input/connection_io.h"

#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <string.h>

#include "base/clock.h"
#include "input/connection_memory.h"
#include "input/connection_progress.h"
#include "input/connection_rate.h"
#include "input/first_bytes.h"
#include "input/transport.h"

/*
 * For those who ask for it, and for the report of what is lost, should the
 * outputs never take it.
 */
static void
publish(struct connection *c)
{
	const memory_order relaxed = memory_order_relaxed;

	atomic_store_explicit(&c->entry.held, connection_held(c), relaxed);
	atomic_store_explicit(&c->entry.records, c->records, relaxed);
	atomic_store_explicit(&c->entry.bytes, c->bytes, relaxed);
	atomic_store_explicit(&c->entry.received_ms, c->received_ms, relaxed);
}

void
connection_settle(struct connection *c)
{
	batch_settle(c->batch);
	connection_progress_written(c);
}

void
connection_emit(struct connection *c)
{
	publish(c);
	batch_write(c->batch);
	connection_settle(c);
}

/* batch_add() writes a full batch: publish before it blocks. */
static void
add(struct connection *c, struct batch *batch, enum tag tag, const void *data,
    size_t size)
{
	bool is_written = batch_is_nearly_full(batch);

	if (is_written)
		publish(c);
	batch_add(batch, (struct record){
				 .time = c->time,
				 .origin = &c->origin,
				 .number = tag == TAG_NOTE ? 0 : c->records + 1,
				 .begin = tag == TAG_NOTE ? 0 : c->begin,
				 .data = data,
				 .size = size,
				 .tag = tag,
			 });
	c->records += tag == TAG_WHOLE || tag == TAG_END;
	if (tag != TAG_NOTE)
		c->begin = tag == TAG_PIECE ? c->begin + size : 0;
	if (is_written && batch_is_settled(batch))
		connection_progress_written(c);
}

void
connection_add_frame(struct connection *c, struct batch *batch,
		     enum frame frame, const struct slice *slice)
{
	static const enum tag tags[] = {
		[FRAME_WHOLE] = TAG_WHOLE,
		[FRAME_PIECE] = TAG_PIECE,
		[FRAME_END] = TAG_END,
	};

	add(c, batch, tags[frame], slice->data, slice->size);
}

void
connection_add_note(struct connection *c, const char *text)
{
	connection_borrow(c);
	clock_gettime(CLOCK_REALTIME, &c->time);
	add(c, c->batch, TAG_NOTE, text, strlen(text));
}

void
connection_note(struct connection *c, const char *text)
{
	connection_add_note(c, text);
	connection_emit(c);
}

bool
connection_take_records(struct connection *c, struct batch *batch)
{
	struct slice slice;
	enum frame frame;
	bool any = false;

	while ((frame = framer_next(&c->framer, &slice)) != FRAME_NONE) {
		any = true;
		if (frame == FRAME_BAD)
			c->state = CONNECTION_FRAMING_FAILED;
		else
			connection_add_frame(c, batch, frame, &slice);
	}
	return any;
}

static void
add_piece(struct connection *c, struct batch *batch)
{
	struct slice slice;
	enum frame frame = framer_flush(&c->framer, &slice);

	c->unfinished_ms = 0;
	if (frame == FRAME_NONE)
		return;
	connection_add_frame(c, batch, frame, &slice);
	/* A split character is held back: it begins the next piece. */
	if (framer_held(&c->framer) > 0)
		c->unfinished_ms = clock_now_ms();
}

void
connection_flush(struct connection *c)
{
	connection_borrow(c);
	add_piece(c, c->batch);
	connection_emit(c);
}

long long
connection_flush_at_ms(const struct connection *c)
{
	long long timeout_ms = c->listener->config->limits.flush_timeout_ms;

	return timeout_ms > 0 && c->unfinished_ms > 0
		     ? c->unfinished_ms + timeout_ms
		     : LLONG_MAX;
}

/* Chunks are exempt: the poller would join what the peer sent apart. */
static void
count_read(struct connection *c, size_t size, long long gap_ms)
{
	unsigned long reads;

	if (!c->listener->poller || c->framer.framing == FRAMING_CHUNK ||
	    c->tls)
		return;
	reads = atomic_fetch_add_explicit(&c->listener->reads, 1,
					  memory_order_relaxed);
	coalesce_read(&c->coalesce, size, gap_ms, reads - c->listener_reads);
	c->listener_reads = reads + 1;
}

/*
 * Over a Unix socket none would know whether the bytes were taken; a stream of
 * TLS does not go on where its process was killed.
 */
static bool
peeks(const struct connection *c)
{
	return framer_is_counted(&c->framer) &&
	       c->entry.peer.any.sa_family != AF_UNIX && !c->tls;
}

static void
add_note(struct connection *c, struct batch *batch, const char *text)
{
	add(c, batch, TAG_NOTE, text, strlen(text));
}

/* What is no data, for all that is known: its sender may have missed a port. */
static const char *
looks_like(const struct connection *c)
{
	enum first_bytes kind;

	if (c->tls || c->entry.peer.any.sa_family == AF_UNIX)
		return NULL;
	kind = first_bytes_judge(framer_held_bytes(&c->framer),
				 framer_held(&c->framer));
	if (kind == FIRST_BYTES_TLS)
		return "looks like=tls";
	return kind == FIRST_BYTES_PROXY && !c->by[0] ? "looks like=proxy"
						      : NULL;
}

/* Before its first record, so that a health check is told of as such. */
static void
introduce(struct connection *c, struct batch *batch)
{
	const char *look = looks_like(c);

	if (c->proxied)
		add_note(c, batch, c->proxied);
	if (c->secured)
		add_note(c, batch, c->secured);
	if (look && c->listener->config->limits.connection_notes != NOTES_NONE)
		add_note(c, batch, look);
}

static void
received(struct connection *c, struct batch *batch, size_t size)
{
	bool is_peeked = peeks(c), any;
	long long before_ms = c->received_ms;

	clock_gettime(CLOCK_REALTIME, &c->time);
	c->received_ms = clock_now_ms();
	count_read(c, size, c->received_ms - before_ms);
	c->bytes += size;
	atomic_fetch_add(&c->listener->counters->bytes, size);
	framer_received(&c->framer, size);
	connection_progress_read(c);
	/*
	 * Only now: behind bytes that nobody has seen, the next process would
	 * not know where a count stands.
	 */
	if (is_peeked)
		transport_take(c->entry.fd, size);
	if (c->bytes == size)
		introduce(c, batch);
	any = connection_take_records(c, batch);
	if (framer_held(&c->framer) == 0)
		c->unfinished_ms = 0;
	else if (any || c->unfinished_ms == 0)
		c->unfinished_ms = c->received_ms;
	else if (c->received_ms >= connection_flush_at_ms(c))
		add_piece(c, batch);
	publish(c);
}

/* The stream has ended: we have stopped it, or the peer has sent its FIN. */
static enum ending
ending_in_order(const struct connection *c)
{
	struct tcp_info info = { .tcpi_state = TCP_CLOSE_WAIT };
	socklen_t size = sizeof info;

	if (c->error)
		return c->error == ECONNRESET ? ENDING_RESET : ENDING_ERROR;
	if (c->entry.peer.any.sa_family == AF_UNIX)
		return atomic_load(&c->entry.was_cut) ? ENDING_SHUTDOWN
						      : ENDING_EOF;
	/* If it was we, the kernel knows what came first. */
	if (c->resumed || registry_is_stopped(c->registry, &c->entry))
		getsockopt(c->entry.fd, IPPROTO_TCP, TCP_INFO, &info, &size);
	if (info.tcpi_state == TCP_ESTABLISHED)
		return ENDING_SHUTDOWN;
	return c->tls ? ENDING_TRUNCATED : ENDING_EOF;
}

/* Why there is no more to receive. */
static enum ending
ending_of(const struct connection *c, enum transport_result result)
{
	if (result == TRANSPORT_RESET)
		return ENDING_RESET;
	if (result == TRANSPORT_ERROR)
		return ENDING_ERROR;
	if (result == TRANSPORT_CORRUPT)
		return ENDING_TLS_ERROR;
	switch (c->state) {
	case CONNECTION_FRAMING_FAILED:
	case CONNECTION_STOPPED_FRAMING:
		return ENDING_BAD_FRAME;
	case CONNECTION_STOPPED_IDLE:
		return ENDING_IDLE;
	case CONNECTION_STOPPED_RESTART:
		return ENDING_RESTART;
	case CONNECTION_OPEN:
		break;
	}
	/* TLS: the peer has said that this is all. */
	if (c->tls && result == TRANSPORT_END)
		return ENDING_EOF;
	return ending_in_order(c);
}

/* Of TLS a chunk is what its peer has encrypted at once. */
static enum transport_result
receive_tls(struct connection *c, void *space, size_t capacity, size_t *size)
{
	enum transport_result result;

	if (c->framer.framing == FRAMING_CHUNK && capacity > TLS_STREAM_ROOM)
		capacity = TLS_STREAM_ROOM;
	result = tls_stream_receive(c->tls, space, capacity, size);
	c->wire = tls_stream_deciphered(c->tls);
	return result;
}

static enum transport_result
receive_bytes(struct connection *c, void *space, size_t capacity, size_t *size)
{
	struct mmsghdr *message;

	if (c->tls)
		return receive_tls(c, space, capacity, size);
	message = connection_progress_message(c);
	return message ? transport_receive_message(c->entry.fd, space, capacity,
						   message, size)
		       : transport_receive(c->entry.fd, space, capacity,
					   peeks(c), size);
}

/*
 * Read once into so many bytes of the framer's memory, records to the batch.
 */
static enum ending
receive_into(struct connection *c, struct batch *batch, void *space,
	     size_t capacity)
{
	size_t size;
	enum transport_result result = receive_bytes(c, space, capacity, &size);

	if (result == TRANSPORT_BYTES) {
		received(c, batch, size);
		return ENDING_NONE;
	}
	if (result != TRANSPORT_AGAIN)
		return ending_of(c, result);
	coalesce_read(&c->coalesce, 0, 0, 0);
	return ENDING_NONE;
}

static enum ending
receive(struct connection *c, struct batch *batch)
{
	size_t capacity;
	void *space = framer_space(&c->framer, &capacity);
	enum ending ending;

	if (!c->source)
		return receive_into(c, batch, space, capacity);
	capacity = connection_rate_take(c, capacity);
	if (capacity == 0)
		return ENDING_NONE;
	ending = receive_into(c, batch, space, capacity);
	connection_rate_done(c);
	return ending;
}

enum ending
connection_read(struct connection *c)
{
	enum ending ending;

	connection_borrow(c);
	ending = receive(c, c->batch);
	publish(c);
	batch_write(c->batch);
	return ending;
}

enum ending
connection_receive(struct connection *c)
{
	enum ending ending = connection_read(c);

	connection_settle(c);
	return ending;
}

/* Whether the stream ends behind what was read, as connection_receive(). */
static enum ending
look_for_end(struct connection *c)
{
	unsigned char next;
	size_t size;
	enum transport_result result =
		transport_receive(c->entry.fd, &next, sizeof next, true, &size);

	return result == TRANSPORT_BYTES || result == TRANSPORT_AGAIN
		     ? ENDING_NONE
		     : ending_of(c, result);
}

enum ending
connection_receive_first(struct connection *c)
{
	enum ending ending;

	connection_borrow(c);
	ending = receive(c, c->batch);
	if (ending == ENDING_NONE && c->bytes > 0 && !c->tls)
		ending = look_for_end(c);
	if (ending == ENDING_NONE)
		connection_emit(c);
	return ending;
}

enum ending
connection_receive_into(struct connection *c, struct batch *shared,
			size_t *used)
{
	uint64_t before = c->bytes;
	enum ending ending;

	if (c->batch)
		return receive(c, shared);
	connection_share(c, shared->input + *used,
			 shared->pool->input_size - *used);
	*used += framer_held(&c->framer);
	ending = receive(c, shared);
	*used += (size_t)(c->bytes - before);
	connection_leave_shared(c);
	return ending;
}

void
connection_written(struct connection *c)
{
	connection_progress_written(c);
	connection_give_back(c);
}

void
connection_hand_over(struct connection *c)
{
	connection_rate_end(c);
	connection_progress_save(c);
	registry_leave_open(c->registry, &c->entry);
}
