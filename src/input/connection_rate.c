/* SPDX-License-Identifier: MIT */
#include "input/connection_rate.h"

#include "base/clock.h"
#include "base/diag.h"

/* How long a connection waits whose source has sent too much. */
#define WAIT_MS 100

void
connection_rate_begin(struct connection *c)
{
	struct rates *rates = c->listener->rates;

	if (rates)
		c->source = rates_hold(rates, &c->entry.peer, clock_now_ms());
	c->counted = (struct rate_amount){ c->records, c->bytes };
}

/* Have the source count what was read, no more and no less. */
static void
settle(struct connection *c)
{
	const struct rate_amount read = { c->records, c->bytes };

	rates_settle(c->listener->rates, c->source, c->counted, read,
		     c->received_ms);
	c->counted = read;
}

void
connection_rate_end(struct connection *c)
{
	if (!c->source)
		return;
	settle(c);
	rates_release(c->listener->rates, c->source);
	c->source = NULL;
}

/*
 * It has something to read and may not: that is no silence, and what there is
 * of a record has not become older.  The poller is not to wait for it.
 */
static void
limit(struct connection *c)
{
	unsigned backoff = c->coalesce.backoff;
	char host[ADDRESS_TEXT];

	c->coalesce = (struct coalesce){ .backoff = backoff };
	c->received_ms = clock_now_ms();
	if (c->unfinished_ms > 0)
		c->unfinished_ms = c->received_ms;
	c->limited_until_ms = c->received_ms + WAIT_MS;
	address_format_source(&c->entry.source, c->registry->source_prefix_v6,
			      host);
	diag_limited(&c->listener->slowed, LOG_WARNING,
		     "listener %s: %s sends more than rate_records or "
		     "rate_bytes, and is read more slowly",
		     c->listener->name, host);
}

/* Whether it may read all without asking: that is what costs least. */
static bool
has_plenty(struct connection *c)
{
	size_t most =
		rates_has_plenty(c->source) ? c->listener->pool.input_size : 1;

	if (c->bytes - c->counted.bytes >= most)
		settle(c);
	return rates_has_plenty(c->source);
}

size_t
connection_rate_take(struct connection *c, size_t bytes)
{
	/* A record has a byte at least; of chunks, all that is read is one. */
	bool is_chunk = c->framer.framing == FRAMING_CHUNK;
	const struct rate_amount most = { is_chunk ? 1 : bytes, bytes };
	struct rate_amount taken;

	c->limited_until_ms = 0;
	if (has_plenty(c))
		return bytes;
	taken = rates_take(c->listener->rates, c->source, most, clock_now_ms());
	c->counted.records += taken.records;
	c->counted.bytes += taken.bytes;
	if (taken.bytes > 0)
		return is_chunk || taken.bytes < taken.records ? taken.bytes
							       : taken.records;
	/* What the kernel has is read to the end, as fast as it can be. */
	if (registry_is_stopped(c->registry, &c->entry))
		return bytes;
	limit(c);
	return 0;
}

void
connection_rate_done(struct connection *c)
{
	/* More than was taken: it had plenty. */
	if (c->counted.bytes >= c->bytes)
		settle(c);
}
