/* SPDX-License-Identifier: MIT */
#include "input/connection_memory.h"

#include <stdlib.h>

/*
 * To copy an unfinished record of so many bytes costs little beside the read
 * that follows.
 */
#define SHORT_BYTES 4096

/* What is unfinished moves along. */
static void
lend(struct connection *c, unsigned char *memory, size_t capacity)
{
	framer_lend(&c->framer, memory, capacity);
	free(c->rest);
	c->rest = NULL;
}

/* Move what is unfinished to memory of its own.  false: it stays. */
static bool
keep_rest(struct connection *c)
{
	size_t size = framer_held(&c->framer);
	unsigned char *rest = NULL;

	if (size > SHORT_BYTES)
		return false;
	if (size > 0 && !(rest = malloc(size)))
		return false;
	lend(c, rest, size);
	c->rest = rest;
	return true;
}

static void
use(struct connection *c, struct batch *batch)
{
	c->batch = batch;
	lend(c, batch->input, batch->pool->input_size);
}

void
connection_borrow(struct connection *c)
{
	if (!c->batch)
		use(c, batch_borrow(&c->listener->pool));
}

bool
connection_try_borrow(struct connection *c)
{
	struct batch *batch;

	if (c->batch)
		return true;
	batch = batch_try_borrow(&c->listener->pool);
	if (batch)
		use(c, batch);
	return batch;
}

void
connection_give_back(struct connection *c)
{
	if (!c->batch || !keep_rest(c))
		return;
	batch_return(c->batch);
	c->batch = NULL;
}

void
connection_share(struct connection *c, unsigned char *memory, size_t capacity)
{
	lend(c, memory, capacity);
}

void
connection_leave_shared(struct connection *c)
{
	if (!keep_rest(c))
		connection_borrow(c);
}
