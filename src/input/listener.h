/* SPDX-License-Identifier: MIT */
/*
 * listener: one listener of the configuration at run time, TCP or UDP: its
 * socket, its counters and its pool.  The calls here serve both protocols;
 * acceptor.h and poller.h work on the fields of TCP, udp.h on those of UDP.
 *
 * The folder input/ receives: each connection and each UDP socket has a thread
 * that reads, cuts the bytes into records and writes these to the outputs,
 * without a queue between.  For connections that are busy with small writes the
 * poller reads.  The main thread only accepts.
 */
#ifndef PORTLOG_INPUT_LISTENER_H
#define PORTLOG_INPUT_LISTENER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "config/config.h"
#include "input/batch.h"
#include "input/counters.h"
#include "system/ledger.h"
#include "system/listen_fds.h"
#include "system/sockets.h"

struct connection;
struct poller;
struct registry;
struct udp;

struct listener {
	const struct listener_config *config; /* borrowed */
	char name[80]; /* config->name, or "tcp/PORT" with the port it got */
	/*
	 * The name, protocol, address and interface: unique among listeners.
	 * It fits into SAVED_NAME.
	 */
	char key[FDSTORE_NAME];
	char store_name[FDSTORE_NAME]; /* of the socket in the fd store */
	struct bound socket;           /* fd -1: closed */
	bool was_passed;               /* systemd passed the socket */
	bool is_counted; /* UDP: an earlier process reported its drops */
	bool is_shared;  /* a socket unit owns it: it outlives this service */
	struct listener_counters counters;
	struct pool pool;
	struct ledger *ledger; /* borrowed */
	/* TCP: */
	struct registry *registry;      /* borrowed */
	atomic_ullong *last_connection; /* number, of all listeners; borrowed */
	atomic_ulong reads;             /* of all its connections */
	struct poller *poller;          /* NULL: there is none */
	struct connection *next;        /* allocated before accept(2); owned */
	long long retry_at_ms;          /* when to accept(2) again; 0: now */
	bool at_limit; /* it has as many connections as are allowed */
	/* UDP: */
	struct udp *udp; /* owned; NULL: no thread was started */
};

static inline bool
listener_is_tcp(const struct listener *listener)
{
	return listener->config->protocol == PROTOCOL_TCP;
}

/*
 * Take the socket that systemd passed for this listener, if there is one.  The
 * configuration must outlive the listener.  Main thread.
 */
void listener_find(struct listener *, const struct listener_config *,
		   struct listen_fds *);

/*
 * Use that socket, or bind one; beside: see sockets_bind().  input_size is the
 * size in bytes of the buffer that a thread of it receives into.  The outputs
 * must outlive the listener.  false: stderr has the reason.  Main thread.
 */
bool listener_open(struct listener *, unsigned backlog, bool beside,
		   struct output_set *, size_t input_size);

/*
 * Bind a socket and add it to the fd store, for the process that opens this
 * listener.  NULL: done; else as sockets_bind_quietly().  Main thread.
 */
const char *listener_store(struct listener *, const struct listener_config *,
			   unsigned backlog, bool beside);

/* Copy the counters to, or from, the state that a restart saves.  Main thread.
 */
void listener_save(const struct listener *, struct saved_listener *);
void listener_restore(struct listener *, const struct saved_listener *);

/*
 * TCP: accept no new peer.  Both: remove the socket from the fd store.  A
 * socket that a socket unit owns is left as it is.  Main thread.
 */
void listener_stop_listening(const struct listener *);

/* Log where it listens, or its counters, on stderr.  Any thread. */
void listener_log(const struct listener *);
void listener_log_counters(const struct listener *);

/*
 * Write a note that is about no peer: "EVENT KEY=VALUE ...".  Any thread but
 * the main one: it blocks on outputs.
 */
void listener_note(struct listener *, const char *text);

/*
 * Close the socket, which no thread may use any more.  for_good: shut it down
 * too, for no other process will use it.  Main thread.
 */
void listener_close_socket(struct listener *, bool for_good);

/* Free all; every batch must have been returned.  Main thread. */
void listener_close(struct listener *);

#endif
