/* SPDX-License-Identifier: MIT */
/* connection: one TCP peer, as data; connection_thread.h has its life. */
#ifndef PORTLOG_INPUT_CONNECTION_H
#define PORTLOG_INPUT_CONNECTION_H

#include <semaphore.h>
#include <stdint.h>
#include <time.h>

#include "input/coalesce.h"
#include "input/listener.h"
#include "input/rates.h"
#include "input/registry.h"
#include "input/tls_peer.h"
#include "input/tls_stream.h"
#include "record/framer.h"

enum connection_state {
	CONNECTION_OPEN,
	CONNECTION_FRAMING_FAILED, /* to be stopped */
	CONNECTION_STOPPED_FRAMING,
	CONNECTION_STOPPED_IDLE,
	CONNECTION_STOPPED_RESTART, /* nobody else has the keys of its TLS */
};

/*
 * The acceptor allocates it; once its thread has started it belongs to that.
 * While poller_serve() waits, and while it has no thread, it belongs to the
 * poller.  Who has it at its end frees it.  Pointers are borrowed, unless
 * it says that they are owned.
 */
struct connection {
	struct registry_entry entry; /* fd -1 until it is accepted */
	struct listener *listener;
	struct registry *registry;
	struct origin origin;
	char by[ADDRESS_TEXT]; /* the proxy that told of the peer */
	char *proxied; /* what is noted of that with the first byte; owned */
	enum state_proxy_header proxy_header;
	size_t header_left; /* bytes of it to be taken, which are no data */
	enum state_tls tls_state;
	struct tls_stream *tls;        /* owned; NULL: there is none */
	struct tls_identity *identity; /* of a certificate; owned, or NULL */
	char *secured; /* what is noted of both with the first byte; owned */
	uint64_t wire; /* TLS: bytes received up to where it is deciphered */
	struct framer framer;
	enum connection_state state;
	struct coalesce coalesce;
	struct rate_source *source; /* NULL: no rate is set; borrowed */
	struct rate_amount counted; /* of records and bytes, by its source */
	long long limited_until_ms; /* it may read nothing before; 0: it may */
	unsigned long listener_reads; /* listener->reads at its last read */
	struct {
		struct connection *next, **link;
		sem_t removed;
		enum ending ending; /* set before that is posted */
		/* What its thread will run; NULL: that waits. */
		void *(*main)(void *);
		bool at_rest; /* without a thread and a record unfinished */
	} poll_entry;         /* see poll_set.h */
	struct state_connection *state_entry;
	struct batch *batch;  /* owned; NULL: see connection_memory.h */
	unsigned char *rest;  /* what the framer holds without it; owned */
	struct timespec time; /* of the last read */
	long long opened_ms;  /* these on CLOCK_MONOTONIC */
	long long received_ms;
	long long unfinished_ms; /* of the oldest byte not shown; 0: none */
	uint64_t records;
	uint64_t begin; /* bytes of the next one that were pieces */
	uint64_t bytes;
	uint64_t lost; /* of these by a killed process, and not noted yet */
	unsigned char *unfinished; /* record of an earlier process; owned */
	size_t unfinished_size;    /* what of it the framer has not received */
	int error;         /* SO_ERROR, which the kernel reports once; or 0 */
	bool resumed;      /* an earlier process has served it */
	bool has_begun;    /* that was noted, or what was lost */
	unsigned doubts;   /* of its outputs, before it was served */
	bool was_doubtful; /* an earlier process could not sync what it sent */
};

/* The bytes that were read and are in no record yet. */
static inline size_t
connection_held(const struct connection *c)
{
	return framer_held(&c->framer) + c->unfinished_size;
}

/* Outputs that may not be safe yet: with the others all that was read is. */
static inline uint64_t
connection_unsettled(const struct connection *c)
{
	return c->listener->pool.output_mask & ~c->listener->pool.syncing_mask;
}

/* A connection that is not accepted yet; NULL: no memory.  Main thread. */
struct connection *connection_new(struct listener *);

/* Free one that no thread has any more, with what it holds. */
void connection_free(struct connection *);

/*
 * Its entry has a descriptor and a peer now; number counts from 1, over all
 * listeners.  Main thread.
 */
void connection_accepted(struct connection *, uint64_t number);

/*
 * It begins with a PROXY header: until that is taken it is unadmitted.
 * Before it is in the registry.  Main thread.
 */
void connection_await_header(struct connection *);

/* The same for the handshake of TLS, which follows a header. */
void connection_await_handshake(struct connection *);

/* The name of its peer in the log, once more: it has another. */
void connection_name_peer(struct connection *);

/*
 * `by` has told of its peer, and with a name of that, escaped; or NULL.  Its
 * thread, or as connection_accepted().
 */
void connection_describe_proxy(struct connection *, const char *name);

/*
 * The handshake is done, and this is its peer: it is named so, and the log
 * tells it.  false: there is no memory.  Its thread.
 */
bool connection_secured(struct connection *, const struct tls_identity *);

/*
 * A killed process had the keys of its TLS: nobody can read what was received
 * since.  Its thread.
 */
static inline bool
connection_has_lost_keys(const struct connection *c)
{
	return c->tls_state == STATE_TLS_BEGUN && !c->tls;
}

#endif
