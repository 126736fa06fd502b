/* SPDX-License-Identifier: MIT */
#include "input/batch.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/diag.h"
#include "output/render.h"

/* The spare batches of a pool; more, left from a burst, are freed. */
#define SPARE_BATCHES 4

static struct diag_limit short_of_memory;

void
pool_init(struct pool *pool, struct output_set *outputs, uint64_t output_mask,
	  struct state_listener *entry, size_t input_size, size_t max_record)
{
	*pool = (struct pool){
		.outputs = outputs,
		.output_mask = output_mask,
		.syncing_mask = output_set_syncing(outputs, output_mask),
		.entry = entry,
		.input_size = input_size,
		.scratch_size = render_scratch_size(max_record),
		.records = BATCH_RECORDS,
	};
	if (pool->syncing_mask != 0)
		pool->records = IN_HAND_RECORDS;
	pthread_mutex_init(&pool->lock, NULL);
}

void
pool_destroy(struct pool *pool)
{
	while (pool->spare) {
		struct batch *batch = pool->spare;

		pool->spare = batch->next;
		free(batch);
	}
	pthread_mutex_destroy(&pool->lock);
}

static struct batch *
take_spare(struct pool *pool)
{
	struct batch *batch;

	pthread_mutex_lock(&pool->lock);
	batch = pool->spare;
	if (batch) {
		pool->spare = batch->next;
		pool->spare_count--;
	}
	pthread_mutex_unlock(&pool->lock);
	return batch;
}

/* Pages that are never written to take no memory. */
static struct batch *
new_batch(struct pool *pool)
{
	struct batch *batch = malloc(pool_batch_size(pool));

	if (!batch)
		return NULL;
	*batch = (struct batch){
		.pool = pool,
		.input = (unsigned char *)(batch->all + pool->records),
		.records = batch->all,
	};
	batch->scratch = (char *)batch->input + pool->input_size;
	return batch;
}

struct batch *
batch_try_borrow(struct pool *pool)
{
	struct batch *batch = take_spare(pool);

	return batch ? batch : new_batch(pool);
}

struct batch *
batch_borrow(struct pool *pool)
{
	struct batch *batch;

	/* Nothing is lost: the peer's bytes wait in the kernel. */
	while (!(batch = batch_try_borrow(pool))) {
		diag_limited(&short_of_memory, LOG_ERR,
			     "out of memory to receive into: trying again "
			     "every second");
		atomic_fetch_add(&pool->waiting, 1);
		clock_sleep_ms(1000);
		atomic_fetch_sub(&pool->waiting, 1);
	}
	return batch;
}

void
batch_return(struct batch *batch)
{
	struct pool *pool = batch->pool;

	pthread_mutex_lock(&pool->lock);
	if (pool->spare_count < SPARE_BATCHES) {
		batch->next = pool->spare;
		pool->spare = batch;
		pool->spare_count++;
		batch = NULL;
	}
	pthread_mutex_unlock(&pool->lock);
	free(batch);
}

/* As output_set_emit(). */
static unsigned
emit(const struct batch *batch, uint64_t mask, const struct record *records,
     size_t count)
{
	const struct pool *pool = batch->pool;

	return output_set_emit(pool->outputs, mask, records, count,
			       batch->scratch, pool->scratch_size);
}

/*
 * before: what emit() has returned.  What is in doubt is written again, as long
 * as we have the records.
 */
static void
settle(const struct batch *batch, uint64_t mask, unsigned before,
       const struct record *records, size_t count)
{
	const struct pool *pool = batch->pool;

	mask &= pool->syncing_mask;
	while (output_set_settle(pool->outputs, mask) != before)
		before = emit(batch, mask, records, count);
}

static void
emit_and_settle(const struct batch *batch, uint64_t mask,
		const struct record *records, size_t count)
{
	unsigned before = emit(batch, mask, records, count);

	settle(batch, mask, before, records, count);
}

/* Folding changes the records: what is to be as they were settles before. */
static void
write_folded(struct batch *batch)
{
	const struct pool *pool = batch->pool;
	size_t count = batch->count;

	emit_and_settle(batch, pool->output_mask & ~pool->fold_mask,
			batch->records, count);
	count = fold_empty(batch->records, count, batch->notes);
	emit_and_settle(batch, pool->fold_mask, batch->records, count);
}

static void
count_finished(struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		const struct record *record = &batch->records[i];

		if (record->tag == TAG_NOTE || record->tag == TAG_PIECE)
			continue;
		batch->finished++;
		batch->last_s = record->time.tv_sec;
	}
}

static void
clear(struct batch *batch)
{
	struct state_listener *entry = batch->pool->entry;

	if (batch->finished > 0)
		counters_note_record(&entry->events, batch->last_s);
	atomic_fetch_add(&entry->counters.records, batch->finished);
	batch->records = batch->all;
	batch->count = batch->written = batch->finished = 0;
}

void
batch_settle(struct batch *batch)
{
	if (batch->written == 0)
		return;
	settle(batch, batch->pool->output_mask, batch->doubts, batch->all,
	       batch->written);
	clear(batch);
}

/* Keep what was written until it has settled; there is room for more. */
static void
keep(struct batch *batch)
{
	batch->written += batch->count;
	batch->records += batch->count;
	batch->count = 0;
	if (batch->written + BATCH_RECORDS > batch->pool->records)
		batch_settle(batch);
}

void
batch_write(struct batch *batch)
{
	const struct pool *pool = batch->pool;
	unsigned before;

	if (batch->count == 0)
		return;
	count_finished(batch);
	if (pool->fold_mask != 0) {
		write_folded(batch);
		clear(batch);
		return;
	}
	before = emit(batch, pool->output_mask, batch->records, batch->count);
	if (pool->syncing_mask == 0) {
		clear(batch);
		return;
	}
	if (batch->written == 0)
		batch->doubts = before;
	keep(batch);
}

void
batch_emit(struct batch *batch)
{
	batch_write(batch);
	batch_settle(batch);
}
