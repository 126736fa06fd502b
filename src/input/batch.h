/* SPDX-License-Identifier: MIT */
/*
 * batch: the large buffers of a receiving thread: for the bytes read, the
 * records in them, and the rendered lines.  A thread borrows a batch from its
 * listener's pool only while it has data, so that an idle connection costs
 * little more than its stack.  The pool is locked inside; a batch belongs to
 * the thread that has borrowed it.
 */
#ifndef PORTLOG_INPUT_BATCH_H
#define PORTLOG_INPUT_BATCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "input/fold.h"
#include "output/output_set.h"
#include "record/record.h"
#include "system/state.h"

#define BATCH_RECORDS 1024

/*
 * Where outputs settle, a thread has more in hand: so many records in a batch
 * that are written and not safe yet, and so many bytes more in its input.
 */
#define IN_HAND_RECORDS ((size_t)8 * BATCH_RECORDS)
#define IN_HAND_BYTES 1048576

/* A listener's spare batches, and where their records go. */
struct pool {
	struct output_set *outputs; /* borrowed */
	uint64_t output_mask;
	uint64_t syncing_mask; /* of these: see output_set_syncing() */
	uint64_t fold_mask; /* of these, for which empty records are folded */
	struct state_listener *entry;    /* has its counters; borrowed */
	size_t input_size, scratch_size; /* bytes of each batch */
	size_t records; /* room of each batch, a multiple of BATCH_RECORDS */
	pthread_mutex_t lock;
	atomic_uint waiting; /* threads, for memory */
	/* Under the lock: */
	struct batch *spare;
	size_t spare_count;
};

struct batch {
	struct pool *pool;
	struct batch *next;     /* in the list of spare batches */
	unsigned char *input;   /* receive into it: pool->input_size bytes */
	char *scratch;          /* for rendering: pool->scratch_size bytes */
	struct record *records; /* that are to be written: BATCH_RECORDS */
	size_t count;           /* of these */
	size_t written;  /* records before these, which have not settled */
	size_t finished; /* of those, for the counters */
	time_t last_s;   /* of the last of these, since 1970 */
	unsigned doubts; /* before the first of those was written */
	char notes[BATCH_RECORDS / FOLD_LEAST][FOLD_NOTE];
	struct record all[]; /* pool->records */
};

/*
 * Outputs and the entry are borrowed.  input_size is in bytes; max_record is
 * the largest record's size in bytes.  Main thread.
 */
void pool_init(struct pool *, struct output_set *, uint64_t output_mask,
	       struct state_listener *, size_t input_size, size_t max_record);

/* Free the pool; every batch must have been returned.  Main thread. */
void pool_destroy(struct pool *);

/* The bytes that one of its batches takes, once it is used to the end. */
static inline size_t
pool_batch_size(const struct pool *pool)
{
	return sizeof(struct batch) + pool->records * sizeof(struct record) +
	       pool->input_size + pool->scratch_size;
}

/* Whether a thread waits in batch_borrow().  Any thread. */
static inline bool
pool_is_short_of_memory(const struct pool *pool)
{
	return atomic_load(&pool->waiting) > 0;
}

/*
 * How a note says what a killed process had in hand: where it had to settle,
 * the outputs may have had it, so the number is the most.
 */
static inline const char *
pool_lost_sign(const struct pool *pool)
{
	return pool->syncing_mask == 0 ? "=" : "<=";
}

/*
 * Borrow an empty batch.  Without memory it blocks, and tries again each
 * second; try does not, and returns NULL. Any thread but the main one.
 */
struct batch *batch_borrow(struct pool *);
struct batch *batch_try_borrow(struct pool *);

/* Return a batch, which must be empty.  Any thread. */
void batch_return(struct batch *);

/*
 * Write all records to the outputs, which blocks on these.  Where one is to
 * settle, what was written is in the batch until it has.
 */
void batch_write(struct batch *);

/*
 * Wait until what was written has settled, for as long as it takes: the batch
 * is empty then.  The caller has written all.
 */
void batch_settle(struct batch *);

/* Both. */
void batch_emit(struct batch *);

static inline bool
batch_is_settled(const struct batch *batch)
{
	return batch->written + batch->count == 0;
}

/* Whether the next batch_add() fills the batch, and so writes it. */
static inline bool
batch_is_nearly_full(const struct batch *batch)
{
	return batch->count + 1 == BATCH_RECORDS;
}

/*
 * Add a record.  Its data and origin are borrowed until the batch has settled.
 * A full batch is written at once, and settles if it has no more room: this
 * blocks on outputs.  Inline and by value, so that the compiler builds the
 * record in place.
 */
static inline void
batch_add(struct batch *batch, struct record record)
{
	batch->records[batch->count++] = record;
	if (batch->count == BATCH_RECORDS)
		batch_write(batch);
}

#endif
