/* SPDX-License-Identifier: MIT */
#include "input/connection_io.h"

#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "input/connection_ledger.h"
#include "input/poller.h"

/* Before it is tried again where the kernel has no memory. */
#define SHORT_PAUSE_NS 100000000

void
connection_borrow(struct connection *c)
{
	if (c->framer.memory)
		return;
	c->batch = batch_borrow(&c->listener->pool);
	framer_lend(&c->framer, c->batch->input, c->listener->pool.input_size);
}

void
connection_give_back(struct connection *c)
{
	batch_return(c->batch);
	c->batch = NULL;
	framer_lend(&c->framer, NULL, 0);
}

/* What is in hand and no record yet: lost if the outputs are not waited for. */
static void
publish_held(struct connection *c)
{
	atomic_store_explicit(&c->entry.held, framer_held(&c->framer),
			      memory_order_relaxed);
}

void
connection_emit(struct connection *c)
{
	publish_held(c);
	if (!c->shared)
		batch_emit(c->batch);
	connection_ledger_done(c);
}

/* A batch that is full is emitted, so what it leaves is told before. */
static void
add(struct connection *c, enum tag tag, const void *data, size_t size)
{
	struct batch *batch = c->shared ? c->shared : c->batch;
	bool emits = batch_is_nearly_full(batch);

	if (emits)
		publish_held(c);
	batch_add(batch, &(struct record){
				 .time = c->time,
				 .origin = &c->origin,
				 .number = tag == TAG_NOTE ? 0 : c->records + 1,
				 .data = data,
				 .size = size,
				 .tag = tag,
			 });
	c->records += tag == TAG_WHOLE || tag == TAG_END;
	if (emits)
		connection_ledger_done(c);
}

void
connection_add_frame(struct connection *c, enum frame frame,
		     const struct slice *slice)
{
	static const enum tag tags[] = {
		[FRAME_WHOLE] = TAG_WHOLE,
		[FRAME_PIECE] = TAG_PIECE,
		[FRAME_END] = TAG_END,
	};

	add(c, tags[frame], slice->data, slice->size);
}

void
connection_note(struct connection *c, const char *text)
{
	connection_borrow(c);
	clock_gettime(CLOCK_REALTIME, &c->time);
	add(c, TAG_NOTE, text, strlen(text));
	connection_emit(c);
}

bool
connection_take_records(struct connection *c)
{
	struct slice slice;
	enum frame frame;
	bool any = false;

	while ((frame = framer_next(&c->framer, &slice)) != FRAME_NONE) {
		any = true;
		if (frame == FRAME_BAD)
			c->is_bad = true;
		else
			connection_add_frame(c, frame, &slice);
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
	connection_add_frame(c, frame, &slice);
	connection_emit(c);
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

/* A chunk is to be as its peer has sent it, not joined with the next. */
static void
count_read(struct connection *c, size_t size, long long gap_ms)
{
	struct poller *poller = c->listener->poller;
	unsigned long reads;

	if (!poller || c->framer.framing == FRAMING_CHUNK)
		return;
	reads = poller_count_read(poller);
	coalesce_read(&c->coalesce, size, gap_ms,
		      reads - c->listener_reads - 1);
	c->listener_reads = reads;
}

static void
received(struct connection *c, size_t size)
{
	long long before_ms = c->received_ms;
	bool any;

	clock_gettime(CLOCK_REALTIME, &c->time);
	c->received_ms = clock_now_ms();
	count_read(c, size, c->received_ms - before_ms);
	c->bytes += size;
	atomic_fetch_add(&c->listener->counters.bytes, size);
	framer_received(&c->framer, size);
	connection_ledger_read(c);
	any = connection_take_records(c);
	connection_emit(c);
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
	if (c->is_idle)
		return ENDING_IDLE;
	if (c->error)
		return c->error == ECONNRESET ? ENDING_RESET : ENDING_ERROR;
	getsockopt(c->entry.fd, IPPROTO_TCP, TCP_INFO, &info, &size);
	return info.tcpi_state == TCP_ESTABLISHED ? ENDING_SHUTDOWN
						  : ENDING_EOF;
}

enum ending
connection_receive(struct connection *c)
{
	const struct timespec pause = { .tv_nsec = SHORT_PAUSE_NS };
	unsigned char *space;
	size_t room;
	ssize_t size;

	connection_borrow(c);
	space = framer_space(&c->framer, &room);
	size = recv(c->entry.fd, space, room, MSG_DONTWAIT);
	if (size > 0) {
		received(c, (size_t)size);
		return ENDING_NONE;
	}
	if (size == 0)
		return ended(c);
	coalesce_read(&c->coalesce, 0, 0, 0);
	switch (errno) {
	case ENOBUFS:
	case ENOMEM:
		nanosleep(&pause, NULL);
		return ENDING_NONE;
	case EAGAIN:
	case EINTR:
		return ENDING_NONE;
	case ECONNRESET:
		return ENDING_RESET;
	default:
		return ENDING_ERROR;
	}
}

/* What is unfinished goes to memory of its own; the rest stays borrowed. */
static void
keep_unfinished(struct connection *c)
{
	const unsigned char *rest = framer_rest(&c->framer);
	size_t held = framer_held(&c->framer);

	framer_lend(&c->framer, NULL, 0);
	if (held == 0)
		return;
	connection_borrow(c);
	memcpy(c->batch->input, rest, held);
	framer_received(&c->framer, held);
}

enum ending
connection_receive_shared(struct connection *c, struct batch *shared,
			  size_t *used)
{
	uint64_t before = c->bytes;
	enum ending ending;

	c->shared = shared;
	if (!c->batch)
		framer_lend(&c->framer, shared->input + *used,
			    shared->pool->input_size - *used);
	ending = connection_receive(c);
	if (!c->batch) {
		*used += (size_t)(c->bytes - before);
		keep_unfinished(c);
	}
	return ending;
}

void
connection_unshare(struct connection *c)
{
	c->shared = NULL;
	connection_ledger_done(c);
	if (c->batch && framer_held(&c->framer) == 0)
		connection_give_back(c);
}

static long long
idle_at_ms(const struct connection *c)
{
	long timeout_s = c->listener->config->limits.idle_timeout_s;

	return timeout_s > 0 && !c->is_idle
		     ? c->received_ms + timeout_s * 1000LL
		     : LLONG_MAX;
}

/* With all cores at work one more thread is not faster, but only one more. */
static enum ending
receive_or_join(struct connection *c)
{
	struct poller *poller = c->listener->poller;
	enum ending ending;

	if (!poller || c->framer.framing == FRAMING_CHUNK ||
	    c->coalesce.is_large)
		return connection_receive(c);
	if (!poller_begin_read(poller)) {
		c->coalesce.active = true;
		return poller_serve(poller, c);
	}
	ending = connection_receive(c);
	poller_end_read(poller);
	return ending;
}

/* What the kernel has is still read, and nothing after it. */
static void
stop(struct connection *c)
{
	c->is_stopped = true;
	registry_stop_one(c->registry, &c->entry);
}

enum ending
connection_wait(struct connection *c)
{
	struct pollfd ready[] = {
		{ .fd = c->entry.fd, .events = POLLIN },
		{ .fd = c->registry->handover_fd, .events = POLLIN },
	};
	long long flush_ms = flush_at_ms(c), idle_ms = idle_at_ms(c), now_ms;
	long long next_ms = flush_ms < idle_ms ? flush_ms : idle_ms;
	int timeout_ms = -1;

	if (atomic_load(&c->registry->handing_over))
		return ENDING_PARKED;
	if (c->is_bad && !c->is_stopped)
		stop(c);
	if (c->coalesce.active)
		return poller_serve(c->listener->poller, c);
	if (next_ms < LLONG_MAX) {
		now_ms = clock_now_ms();
		timeout_ms = next_ms <= now_ms ? 0
			   : next_ms - now_ms < INT_MAX
				   ? (int)(next_ms - now_ms)
				   : INT_MAX;
	}
	poll(ready, 2, timeout_ms);
	if (ready[0].revents)
		return receive_or_join(c);
	now_ms = clock_now_ms();
	if (now_ms >= idle_ms) {
		c->is_idle = true;
		stop(c);
	}
	if (now_ms >= flush_ms)
		flush(c);
	return ENDING_NONE;
}
