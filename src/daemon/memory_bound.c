/* SPDX-License-Identifier: MIT */
#include "daemon/memory_bound.h"

#include "base/diag.h"
#include "base/thread.h"
#include "input/connection.h"
#include "input/rates.h"
#include "input/senders.h"
#include "record/framer.h"

/* The program, its libraries, its outputs, and what a few more threads take. */
#define OTHER_BYTES (16U << 20)

/*
 * What OpenSSL takes at the most, in a handshake: a message of 128 KiB, two
 * buffers of a record, and what it knows of the session.  Later it is 60 KiB,
 * or 26 where the peer is silent.
 */
#define TLS_BYTES (192U << 10)

/*
 * A connection has a thread and at most one batch.  At a restart what it has
 * not finished is kept once more, for the next process.
 */
static size_t
of_connection(const struct listener *l)
{
	return pool_batch_size(&l->pool) +
	       framer_capacity(l->config->limits.max_record) +
	       thread_stack_size() + sizeof(struct connection) +
	       sizeof(struct state_connection) +
	       (l->config->tls ? TLS_BYTES : 0);
}

/* The thread of UDP; of TCP the pollers. */
static size_t
of_readers(const struct listener *l)
{
	size_t each = pool_batch_size(&l->pool) + thread_stack_size();

	return listener_is_stream(l) && l->pool.syncing_mask != 0 ? 2 * each
								  : each;
}

void
memory_bound_log(const struct listeners *ls)
{
	size_t largest = 0, all = 0, own = OTHER_BYTES, peers;

	for (size_t i = 0; i < ls->count; i++) {
		const struct listener *l = &ls->list[i];

		own += of_readers(l) + (l->first ? 0 : rates_bytes(l->rates));
		if (!listener_is_stream(l)) {
			own += sizeof(struct senders);
			continue;
		}
		all += l->config->limits.max_connections * of_connection(l);
		if (of_connection(l) > largest)
			largest = of_connection(l);
	}
	peers = ls->max_connections * largest;
	if (peers > all)
		peers = all;
	diag(LOG_INFO,
	     "memory: at most %zu MiB with %zu connections, without the socket "
	     "buffers of the kernel",
	     (own + peers) >> 20, ls->max_connections);
}
