/* SPDX-License-Identifier: MIT */
/*
 * senders: who has sent datagrams to a listener, the last SENDERS of them.
 * Addresses can be forged, so nothing is decided by this table.  The lock is
 * inside, and held for some microseconds.
 */
#ifndef PORTLOG_INPUT_SENDERS_H
#define PORTLOG_INPUT_SENDERS_H

#include <pthread.h>
#include <stdint.h>

#include "base/address.h"

#define SENDERS 512

/* One address and port; times are on CLOCK_MONOTONIC. */
struct sender {
	struct address peer;
	uint64_t datagrams, bytes;
	long long first_ms, last_ms;
	/* Places in the table, from 1; 0: none. */
	uint16_t next;         /* of the same hash */
	uint16_t newer, older; /* by last_ms */
};

struct senders {
	pthread_mutex_t lock;
	/* Under the lock: */
	struct sender list[SENDERS + 1]; /* [0]: the newest, the oldest */
	uint16_t buckets[SENDERS];
	size_t count;
	uint64_t forgotten; /* how often one made place for another */
};

/* It is all zeros.  Main thread. */
void senders_init(struct senders *);
void senders_destroy(struct senders *);

/* Datagrams of one sender, one after the other. */
struct sent {
	const struct address *peer; /* borrowed */
	uint64_t datagrams, bytes;
};

/* Count them.  The UDP thread. */
void senders_add(struct senders *, const struct sent *, size_t count);

/*
 * Copy up to max of them, from place *next on, which begins at 0 and is moved
 * on.  Returns how many; 0: there are no more.  Any thread.
 */
size_t senders_copy(struct senders *, size_t *next, struct sender *out,
		    size_t max);

uint64_t senders_forgotten(struct senders *);

#endif
