/* SPDX-License-Identifier: MIT */
/*
 * batch: the large memory of a receiving thread: what was read, the records in
 * it and their rendering.  It is borrowed from a pool while there is data in
 * hand, so that an idle connection costs little more than its stack.
 */
#ifndef PORTLOG_INPUT_BATCH_H
#define PORTLOG_INPUT_BATCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "input/counters.h"
#include "output/output_set.h"
#include "record/record.h"

#define BATCH_RECORDS 512

/* Where a listener's records go, and the memory that it has to spare. */
struct pool {
	struct output_set *outputs;
	uint64_t output_mask;
	struct listener_counters *counters;
	size_t input_size, scratch_size;
	pthread_mutex_t lock;
	struct batch *spare;
	size_t spare_count;
};

struct batch {
	struct pool *pool;
	struct batch *next;   /* while it is spare */
	unsigned char *input; /* pool->input_size bytes for what is read */
	char *scratch;
	size_t count;
	struct record records[BATCH_RECORDS];
};

/* Outputs and counters are borrowed; input_size is that of each batch. */
void pool_init(struct pool *, struct output_set *, uint64_t output_mask,
	       struct listener_counters *, size_t input_size,
	       size_t max_record);

/* Every batch must have been returned. */
void pool_destroy(struct pool *);

/* Waits until there is memory. */
struct batch *batch_borrow(struct pool *);
void batch_return(struct batch *);

/* Write all records of the batch to the outputs. */
void batch_emit(struct batch *);

/* Whether the next record makes it full. */
static inline bool
batch_is_nearly_full(const struct batch *batch)
{
	return batch->count + 1 == BATCH_RECORDS;
}

/*
 * Add a record: what it points to must hold until it is emitted, which happens
 * at the latest when the batch is full.  Inline, so that it is made in place.
 */
static inline void
batch_add(struct batch *batch, const struct record *record)
{
	batch->records[batch->count++] = *record;
	if (batch->count == BATCH_RECORDS)
		batch_emit(batch);
}

#endif
