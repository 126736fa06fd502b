/* SPDX-License-Identifier: MIT */
/*
 * listener: one listening socket at run time, and what TCP and UDP share of
 * it.  What only one of them has stands apart below: acceptor.h and poller.h
 * work on the fields of TCP, udp.h on those of UDP.
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
struct note_summary;
struct poller;
struct registry;
struct udp;

struct listener {
	const struct listener_config *config; /* borrowed */
	char name[80]; /* config->name, or "tcp/PORT" with the port it got */
	/*
	 * The name with protocol, address and interface: no two listeners share
	 * it.  It fits into SAVED_NAME.
	 */
	char key[FDSTORE_NAME];
	char store_name[FDSTORE_NAME]; /* of its socket in the fd store */
	struct bound socket;           /* fd -1: closed */
	bool was_passed;               /* systemd passed the socket */
	bool is_counted; /* an earlier process reported its drops */
	bool is_shared;  /* a socket unit owns it: it outlives this service */
	struct listener_counters counters;
	struct pool pool;
	struct ledger *ledger; /* borrowed */
	/* TCP: */
	struct registry *registry;      /* borrowed */
	atomic_ullong *last_connection; /* number, of all listeners; borrowed */
	atomic_ulong reads;             /* of all its connections */
	struct poller *poller;          /* NULL: there is none */
	struct note_summary *summary;   /* NULL: there is none */
	struct connection *next;        /* allocated before accept(2); owned */
	long long retry_at_ms; /* accept(2) failed: not before; 0: no matter */
	bool at_limit;         /* it has all connections that it may have */
	/* UDP: */
	struct udp *udp; /* NULL: its thread does not run */
};

static inline bool
listener_is_tcp(const struct listener *listener)
{
	return listener->config->protocol == PROTOCOL_TCP;
}

/*
 * Take the socket that systemd passed for this listener, if there is one.
 * Main thread.
 */
void listener_find(struct listener *, const struct listener_config *,
		   struct listen_fds *);

/*
 * Use that socket, or bind one.  beside: where the port is taken by a socket
 * on which sockets_share_port() was called, bind all the same.  input_size is
 * what a thread of it receives into, in bytes; the outputs must outlive it.
 * false: stderr has the reason.  Main thread.
 */
bool listener_open(struct listener *, unsigned backlog, bool beside,
		   struct output_set *, size_t input_size);

/*
 * Bind a socket and put it into the fd store, for the process that opens this
 * listener.  NULL, or the action that failed, for sockets_log_failure().
 */
const char *listener_store(struct listener *, const struct listener_config *,
			   unsigned backlog, bool beside);

/* Copy the counters to, or from, the state that a restart saves. */
void listener_save(const struct listener *, struct saved_listener *);
void listener_restore(struct listener *, const struct saved_listener *);

/*
 * Accept no new peer, and remove the socket from the fd store.  A socket of a
 * socket unit is left as it is.  Main thread.
 */
void listener_stop_listening(const struct listener *);

/* Log where it listens, or its counters, on stderr.  Any thread. */
void listener_log(const struct listener *);
void listener_log_counters(const struct listener *);

/*
 * Write a note of no peer: "EVENT KEY=VALUE ...".  Any thread but the main
 * one: it blocks on outputs.
 */
void listener_note(struct listener *, const char *text);

/*
 * Close the socket, which no thread uses any more.  ends: nor will another
 * process.  Main thread.
 */
void listener_close_socket(struct listener *, bool ends);

/* Free all; every batch must have been returned.  Main thread. */
void listener_close(struct listener *);

#endif
