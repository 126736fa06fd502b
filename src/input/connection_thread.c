/* SPDX-License-Identifier: MIT */
#include "input/connection_thread.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/thread.h"
#include "base/worker.h"
#include "input/admission.h"
#include "input/connection_end.h"
#include "input/connection_io.h"
#include "input/connection_memory.h"
#include "input/connection_progress.h"
#include "input/connection_rate.h"
#include "input/connection_restore.h"
#include "input/poller.h"
#include "system/fdstore.h"

/*
 * So many begin with a thread.  Beyond that it would cost more than all else to
 * start and wake them, and the memory of their stacks.
 */
#define CONNECTION_THREADS 256

static long long
idle_at_ms(const struct connection *c)
{
	long long timeout_s = c->listener->config->limits.idle_timeout_s;

	return timeout_s > 0 && c->state == CONNECTION_OPEN
		     ? c->received_ms + timeout_s * 1000
		     : LLONG_MAX;
}

/* Read what the kernel has, and nothing after it. */
static void
stop(struct connection *c, enum connection_state state)
{
	c->state = state;
	registry_stop_one(c->registry, &c->entry);
}

/*
 * What the poller would never read takes no turn.  With `always` a large read
 * takes none either: it may wait for the disk before all of it is written.
 */
static bool
needs_no_turn(const struct connection *c)
{
	return !c->listener->poller || c->framer.framing == FRAMING_CHUNK ||
	       c->tls ||
	       (c->coalesce.is_large && c->listener->pool.syncing_mask != 0);
}

/*
 * In its turn it does not wait for memory: that may be with those who wait for
 * a turn.
 */
static enum ending
read_in_turn(struct connection *c, struct turns *turns)
{
	enum ending ending = ENDING_NONE;

	if (!connection_try_borrow(c)) {
		turns_end(turns);
		connection_borrow(c);
		turns_await(turns);
	}
	/* What is not read yet can be handed over. */
	if (!atomic_load(&c->registry->handing_over))
		ending = connection_read(c);
	turns_end(turns);
	connection_settle(c);
	return ending;
}

/* While all cores read, a small read is the poller's, and a large one waits. */
static enum ending
receive_or_poll(struct connection *c)
{
	struct poller *poller = c->listener->poller;
	struct turns *turns;

	if (needs_no_turn(c))
		return connection_receive(c);
	turns = poller_turns(poller);
	if (c->coalesce.is_large) {
		turns_await(turns);
	} else if (!turns_take(turns)) {
		c->coalesce.active = true;
		return poller_serve(poller, c);
	}
	return read_in_turn(c, turns);
}

/* Until a moment on CLOCK_MONOTONIC, as poll(2) wants it. */
static int
timeout_until(long long at_ms)
{
	long long left_ms;

	if (at_ms == LLONG_MAX)
		return -1;
	left_ms = at_ms - clock_now_ms();
	return left_ms <= 0 ? 0 : left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}

static long long
smaller(long long a, long long b)
{
	return a < b ? a : b;
}

/* Wait for input or a timer, and act: ENDING_NONE, or how it has ended. */
static enum ending
serve_once(struct connection *c)
{
	struct pollfd ready[] = {
		{ .fd = c->entry.fd,
		  .events = c->tls ? tls_stream_events(c->tls) : POLLIN },
		{ .fd = c->registry->handover_fd, .events = POLLIN },
	};
	long long flush_ms = connection_flush_at_ms(c);
	long long idle_ms = idle_at_ms(c), now_ms;
	long long wake_ms = smaller(flush_ms, idle_ms);
	bool is_limited = c->limited_until_ms > 0;
	bool is_pending = c->tls && tls_stream_has_pending(c->tls);
	uint64_t before = c->bytes;

	if (atomic_load(&c->registry->handing_over))
		return ENDING_HANDOVER;
	if (c->state == CONNECTION_FRAMING_FAILED)
		stop(c, CONNECTION_STOPPED_FRAMING);
	if (c->coalesce.active)
		return poller_serve(c->listener->poller, c);
	if (is_limited) {
		ready[0].fd = -1;
		is_pending = false;
		wake_ms = smaller(wake_ms, c->limited_until_ms);
	}
	poll(ready, 2, is_pending ? 0 : timeout_until(wake_ms));
	if (ready[0].revents || is_pending ||
	    (is_limited && clock_now_ms() >= c->limited_until_ms)) {
		enum ending ending = receive_or_poll(c);

		/* What TLS has received may be no data: then timers go on. */
		if (!c->tls || ending != ENDING_NONE || c->bytes != before)
			return ending;
	}
	now_ms = clock_now_ms();
	if (now_ms >= idle_ms)
		stop(c, CONNECTION_STOPPED_IDLE);
	if (now_ms >= flush_ms)
		connection_flush(c);
	return ENDING_NONE;
}

/* Nobody else has the keys: read what the kernel has, and end it. */
static enum ending
read_to_the_end(struct connection *c)
{
	enum ending ending;

	stop(c, CONNECTION_STOPPED_RESTART);
	do {
		ending = connection_receive(c);
	} while (ending == ENDING_NONE);
	return ending;
}

static void
begin(struct connection *c)
{
	if (c->has_begun)
		return;
	c->has_begun = true;
	if (c->bytes == 0)
		connection_progress_trust(c);
	if (c->resumed)
		connection_resume(c);
	else if (c->listener->config->limits.connection_notes == NOTES_ALL)
		connection_note(c, "opened");
}

/* Serve it until it ends; whether the poller has begun that. */
static enum ending
serve(struct connection *c, bool was_polled)
{
	enum ending ending = was_polled ? c->poll_entry.ending : ENDING_NONE;

	/* Older than a second, it would be in flight: see registry.h. */
	if (c->entry.fd < 0 || connection_has_lost_keys(c))
		return ENDING_KILLED;
	/* Most have something to read, and many nothing after that. */
	if (!c->resumed && !was_polled &&
	    !atomic_load(&c->registry->handing_over))
		ending = connection_receive_first(c);
	while (ending == ENDING_NONE) {
		connection_give_back(c);
		ending = serve_once(c);
	}
	return ending;
}

/* From its admission to its end; or it is handed over. */
static void
serve_admitted(struct connection *c, bool was_polled)
{
	enum ending ending;

	begin(c);
	if (!was_polled)
		connection_rate_begin(c);
	ending = serve(c, was_polled);
	if (ending == ENDING_HANDOVER && c->tls)
		ending = read_to_the_end(c);
	if (ending == ENDING_HANDOVER)
		connection_hand_over(c);
	else
		connection_end(c, ending);
}

void *
connection_main(void *argument)
{
	struct connection *c = argument;
	bool was_polled = c->poll_entry.main;

	thread_name("conn", c->listener->name);
	c->poll_entry.main = NULL;
	if (connection_progress_was_closed(c)) {
		connection_leave(c); /* an earlier process was about to do so */
		return NULL;
	}
	switch (admission_run(c)) {
	case ADMISSION_GRANTED:
		serve_admitted(c, was_polled);
		break;
	case ADMISSION_REFUSED:
		connection_turn_away(c);
		break;
	case ADMISSION_LEFT:
		connection_leave(c);
		break;
	case ADMISSION_HANDOVER:
		registry_leave_open(c->registry, &c->entry);
		break;
	}
	return NULL;
}

/* It needs no thread, as far as is known. */
static bool
may_begin_without(const struct connection *c)
{
	return c->listener->poller && c->entry.fd >= 0 &&
	       c->entry.state == ENTRY_OPEN &&
	       !connection_progress_was_closed(c) &&
	       c->proxy_header == STATE_HEADER_NONE &&
	       c->tls_state == STATE_TLS_NONE &&
	       c->framer.framing != FRAMING_CHUNK &&
	       c->state == CONNECTION_OPEN && c->lost == 0 &&
	       connection_held(c) == 0 &&
	       c->listener->config->limits.connection_notes != NOTES_ALL;
}

int
connection_start(struct connection *c)
{
	if (!registry_has(c->registry, CONNECTION_THREADS + 1) ||
	    !may_begin_without(c))
		return worker_start(connection_main, c);
	begin(c);
	connection_rate_begin(c);
	if (poller_begin(c->listener->poller, c, connection_main))
		return 0;
	connection_rate_end(c);
	return worker_start(connection_main, c);
}
