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

#include "base/diag.h"
#include "config/config.h"
#include "input/batch.h"
#include "system/counters.h"
#include "system/listen_fds.h"
#include "system/sockets.h"
#include "system/state.h"

struct connection;
struct note_summary;
struct poller;
struct rates;
struct registry;
struct tls_context;
struct udp;

struct listener {
	const struct listener_config *config; /* borrowed */
	char name[80]; /* config->name, or "tcp/PORT" with the port it got */
	/*
	 * The name, protocol, address and interface: unique among listeners.
	 */
	char key[FDSTORE_NAME];
	char store_name[FDSTORE_NAME]; /* of the socket in the fd store */
	struct bound socket;           /* fd -1: closed */
	bool was_passed;               /* systemd passed the socket */
	bool is_counted; /* UDP: an earlier process reported its drops */
	bool is_known;   /* the state has this very socket */
	bool is_shared;  /* a socket unit owns it: it outlives this service */
	bool may_go;     /* it has an interface or a path, which may */
	bool is_absent;  /* no socket: its interface or address is not there */
	long long absent_since_ms;          /* on CLOCK_MONOTONIC */
	struct diag_limit absent;           /* of what is logged of that */
	struct listener_counters *counters; /* in its entry of the state */
	struct listener_events *events;     /* likewise */
	struct pool pool;
	struct rates *rates; /* NULL: no source is limited */
	struct state *state; /* borrowed */
	struct state_listener *state_entry;
	/* TCP: */
	struct registry *registry; /* borrowed */
	atomic_ulong reads;        /* of all its connections */
	atomic_size_t unadmitted;  /* of these, how many are not admitted */
	struct poller *poller;     /* NULL: there is none */
	/* The poller's, for what is noted once a minute; NULL as that. */
	struct note_summary *summary;
	struct tls_context *tls; /* owned; NULL: it has no TLS */
	struct connection *next; /* allocated before accept(2); owned */
	long long retry_at_ms;   /* when to accept(2) again; 0: now */
	bool at_limit;           /* it has as many connections as are allowed */
	long long look_ms; /* when to see who waits at that limit; 0: now */
	struct diag_limit slowed; /* of what is logged of rates */
	/* UDP: */
	struct udp *udp; /* owned; NULL: no thread was started */
	/*
	 * Of several threads the first; NULL: it is that.  It has the counters,
	 * and the rates for all, and the groups.  Borrowed.
	 */
	struct listener *first;
	size_t followers; /* so many behind it in the list have it as first */
	struct listener_config alike; /* of a follower: without groups */
};

/* The one that has what is for all of its threads. */
static inline struct listener *
listener_first(struct listener *listener)
{
	return listener->first ? listener->first : listener;
}

static inline bool
listener_is_stream(const struct listener *listener)
{
	return protocol_is_stream(listener->config->protocol);
}

/*
 * Take the socket that systemd passed for this listener, if there is one.  The
 * configuration must outlive the listener.  Main thread.
 */
void listener_find(struct listener *, const struct listener_config *,
		   struct listen_fds *);

/*
 * Make one a follower, before it is in the state: it listens as `first` does.
 * Then it is found and opened as others are, after that; but where there is no
 * socket for it, it stays without, and that is no error.  Main thread.
 */
void listener_follow(struct listener *, struct listener *first);

/*
 * Of a listener and its followers, once they are found, let it have the socket
 * that was the first before: that has the groups.  Main thread.
 */
void listener_prefer_first(struct listener *, const struct state_reader *);

/*
 * Use that socket, or bind one; beside: see sockets_bind().  input_size is the
 * size in bytes of the buffer that a thread of it receives into.  The outputs
 * must outlive the listener.  previous is the state of the process before this
 * one: counters and progress go on.  false: stderr has the reason.  Where the
 * interface or address is not there it is absent, and true.  Main thread.
 */
bool listener_open(struct listener *, unsigned backlog, bool beside,
		   struct output_set *, size_t input_size,
		   const struct state_reader *previous);

/* Bind one that is absent; false: it still is, which is logged each minute. */
bool listener_bind_again(struct listener *, unsigned backlog);

/*
 * Take an entry of the state.  false: it has no place.  Then, once it has a key
 * and a socket, continue as the state of the process before this one says:
 * listener_open() does so.  Main thread.
 */
bool listener_enter_state(struct listener *, struct state *);
void listener_continue(struct listener *, const struct state_reader *);

/*
 * Bind a socket and add it to the fd store, for the process that opens this
 * listener.  NULL: done; else as sockets_bind().  Main thread.
 */
const char *listener_store(struct listener *, const struct listener_config *,
			   unsigned backlog, bool beside);

/*
 * TCP: let no new peer connect.  A Unix socket: remove its path.  A socket that
 * a socket unit owns is left as it is, but for its multicast groups, which it
 * leaves.  Main thread.
 */
void listener_stop_listening(const struct listener *);

/* How many connections wait in the kernel to be accepted.  Any thread. */
unsigned listener_waiting(const struct listener *);

/* How many it has, with those of its followers, that have a socket. */
size_t listener_threads(const struct listener *);

/*
 * Write a note that is about no peer: "EVENT KEY=VALUE ...".  Any thread but
 * the main one: it blocks on outputs.
 */
void listener_note(struct listener *, const char *text);

/*
 * Close the socket, which no thread may use any more.  for_good: shut it down
 * too and remove it from the fd store, for no other process will use it: until
 * then the next one could, after a kill.  Main thread.
 */
void listener_close_socket(struct listener *, bool for_good);

/* Free all; every batch must have been returned.  Main thread. */
void listener_close(struct listener *);

#endif
