/* SPDX-License-Identifier: MIT */
/*
 * state: all that the next process must know of the listeners and connections,
 * at every moment, in memory that the fd store keeps.  So a restart and a kill
 * are the same thing; before a restart each connection also saves the bytes of
 * its unfinished record, see saved_bytes.h.  state_reader.h reads it.
 *
 * Open, store and close are the main thread's.  An entry is written by the one
 * thread that its connection or UDP socket belongs to.  No call blocks, but as
 * fdstore.h says.
 */
#ifndef PORTLOG_SYSTEM_STATE_H
#define PORTLOG_SYSTEM_STATE_H

#include <assert.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "system/counters.h"
#include "system/fdstore.h"
#include "system/groups.h"
#include "system/saved_bytes.h"

/* Digits of a count of octets: framer.c takes no more. */
#define STATE_DIGITS 9

/* How many datagrams one system call reads. */
#define STATE_DATAGRAMS 64

/*
 * What a listener counts and notes later: see note_summary.h.  No listener has
 * both probes, which are connections, and what is limited, which are datagrams.
 */
enum state_event {
	EVENT_REFUSED,
	EVENT_PROBES,
	EVENT_LIMITED = EVENT_PROBES,
	STATE_EVENTS
};

/* How far a stream or a UDP socket has come: a cache line. */
struct state_position {
	alignas(64) uint64_t read; /* bytes of a stream; datagrams */
	uint64_t done;             /* of these, with the outputs */
	uint64_t records;          /* the number of the last one */
	union {
		uint64_t remaining;     /* counted: of a frame, behind `read` */
		uint64_t unnoted_bytes; /* of unnoted[EVENT_LIMITED] */
	};
	union {
		struct {
			/* UDP: of the kernel's count, what was noted. */
			uint32_t dropped;
			uint32_t turn; /* of the last read: messages_turn */
		};
		/* TLS: what the kernel had given, to where `read` ends. */
		uint64_t wire;
	};
	uint8_t framing;  /* enum framing, behind `read`; unset: configured */
	uint8_t is_saved; /* boolean: `saved` of the entry is of this */
	uint8_t digits;   /* of a count or length, before `read` */
	unsigned char count[STATE_DIGITS]; /* these digits or bytes */
	uint32_t unnoted[STATE_EVENTS];    /* of a listener: in no note yet */
};

static_assert(sizeof(struct state_position) == 64,
	      "a position of another size than that of earlier versions");

/*
 * Two of them: a kill at any instruction leaves one that is whole.  The other
 * is written, then `current` changes.  Of a counted stream it changes before
 * the kernel is told to forget these bytes: if that has them still, the other
 * one holds.
 */
struct state_progress {
	struct state_position position[2];
	atomic_uint current;
};

/* Beside the position, what a restart needs to continue inside a record. */
struct state_saved {
	uint64_t bytes_at, bytes; /* of the unfinished record, and in which */
	uint64_t bytes_of;        /* generation's memory: see saved_bytes.h */
	uint64_t remaining;       /* counted: before these bytes */
	int64_t received_ms, unfinished_ms; /* on CLOCK_MONOTONIC */
	int64_t time_s, time_ns;            /* of the last read */
	uint8_t inside, is_bad;             /* booleans */
	uint8_t framing;                    /* before these bytes */
};

enum state_use {
	STATE_FREE,
	STATE_OPEN,
	STATE_CLOSED, /* with the outputs to the last note: only to be closed */
};

/* Whether a connection begins with a PROXY header, which is none of its data.
 */
enum state_proxy_header {
	STATE_HEADER_NONE, /* or it was taken */
	STATE_HEADER_AWAITED,
	STATE_HEADER_READ, /* header_size and told are set: take the rest */
};

/* Whether a connection is encrypted, by keys that only its process has. */
enum state_tls {
	STATE_TLS_NONE,
	STATE_TLS_AWAITED, /* nothing of it was read, so any process can */
	STATE_TLS_BEGUN,
};

/* The bytes of the longest. */
#define STATE_HEADER_MAX 65551

/*
 * Both structures are read by later versions.  Add fields at the end of one,
 * such that 0 says what their absence did.
 */
struct state_connection {
	struct state_progress progress;
	atomic_uint use; /* enum state_use */
	uint32_t listener;
	uint64_t cookie; /* SO_COOKIE: which socket it is */
	uint64_t number;
	int64_t opened_ms; /* on CLOCK_MONOTONIC */
	uint8_t peer[28];  /* as struct address has it */
	uint32_t peer_size;
	struct state_saved saved;
	/* Of a Unix socket: as a listener has them for UDP. */
	atomic_uint message_turn;
	struct mmsghdr message;
	atomic_uint proxy_header; /* enum state_proxy_header */
	uint32_t header_size;     /* bytes that the kernel counts as read */
	uint8_t told[28];         /* the peer of which it told, as peer */
	uint32_t told_size;       /* 0: of none */
	atomic_uint tls;          /* enum state_tls */
	uint64_t begin;  /* bytes of its next record that the log has */
	uint32_t doubts; /* those of the header before its first byte */
};

struct state_listener {
	struct state_progress progress; /* of TCP only what is unnoted */
	uint64_t cookie;                /* of its socket */
	char key[FDSTORE_NAME];
	struct listener_counters counters;
	/*
	 * UDP: the kernel writes here how many datagrams it gave to us, also
	 * where a kill keeps us from counting them.  messages_turn is the turn
	 * of the position that will have them.
	 */
	atomic_uint messages_turn;
	struct mmsghdr messages[STATE_DATAGRAMS];
	struct groups groups; /* UDP: that its socket was to join */
	struct listener_events events;
	/* UDP: of all that have its name; only the first of these counts. */
	atomic_ullong last_record;
};

/* The msg_len of a message that the kernel has not filled. */
#define STATE_UNFILLED UINT32_MAX

/*
 * A run: all numbers of listeners, connections and records are given once in
 * it.  A process that ends in order, without a stop, leaves its run to the next
 * one.  After a kill nobody knows which numbers are in the log, so a run ends.
 */
#define STATE_RUN 17 /* hexadecimal digits and a NUL */

/* Before the listeners and the connections. */
struct state_header {
	alignas(64) char magic[16];
	uint32_t header_size, listener_size, connection_size;
	uint32_t listeners, connections; /* how many there are places for */
	atomic_uint used;     /* connections: no place behind was ever used */
	atomic_uint is_whole; /* boolean: it says all of the state before it */
	atomic_uint listeners_used; /* likewise */
	uint64_t generation;        /* counts from 1, one a process */
	atomic_ullong numbers;      /* given to connections so far */
	char run[STATE_RUN];
	atomic_uint is_at_rest; /* boolean: the next process goes on with it */
	atomic_uint doubts;     /* syncs that failed, of all processes so far */
};

#define STATE_MAGIC "portlog state 2"

struct state {
	struct state_header *header;
	struct state_listener *listeners;
	struct state_connection *connections;
	size_t size; /* of the mapping, which begins with the header */
	int fd;      /* -1: there is no fd store to keep it */
	struct saved_bytes bytes; /* of the restart that comes next */
	pthread_mutex_t lock;
	/* Under the lock: */
	uint32_t *free; /* places below header->used that are free */
	size_t free_count;
};

/*
 * Make one with all entries free, with places for so many listeners and
 * connections, and a run that no other has.  false and errno: there is no
 * memory.
 */
bool state_open(struct state *, size_t listeners, size_t connections,
		uint64_t generation);

/*
 * It now says all that the state of the process before did: put it into the fd
 * store in the place of that.
 */
void state_store(const struct state *);

void state_close(struct state *);

/* A new entry for a listener, all zero; NULL: there is no place. */
struct state_listener *state_add_listener(struct state *);

/* Whether two listeners have one name, by their keys, which begin with it. */
bool state_is_same_name(const char *key, const char *other);

/* The first one of that name.  NULL: there is none. */
struct state_listener *state_find_name(struct state *, const char *key);

/*
 * The number of the last record of all listeners of one name, to be counted
 * up by each of them.  NULL: no other has its name.  Any thread.
 */
atomic_ullong *state_shared_number(struct state *,
				   const struct state_listener *);

/*
 * A free entry for a connection, all else zero, of this socket; to be
 * published by state_use().  Never NULL while there are no more connections
 * than places.
 */
struct state_connection *state_claim(struct state *, int fd);
void state_use(struct state_connection *, enum state_use);

/* Give it back: from now on the next process would not find it. */
void state_release(struct state *, struct state_connection *);

/* SO_COOKIE: no other socket of this host has the same. */
uint64_t state_cookie(int fd);

static inline const struct state_position *
state_position(const struct state_progress *progress)
{
	return &progress->position[atomic_load_explicit(&progress->current,
							memory_order_acquire) &
				   1];
}

/* Whether it is, at the position that holds: that may be either. */
static inline bool
state_may_be_saved(const struct state_progress *progress)
{
	return progress->position[0].is_saved || progress->position[1].is_saved;
}

/* A copy of the position to change, which state_publish() makes the current. */
static inline struct state_position *
state_next(struct state_progress *progress)
{
	unsigned current =
		atomic_load_explicit(&progress->current, memory_order_relaxed) &
		1;

	progress->position[!current] = progress->position[current];
	return &progress->position[!current];
}

/* Released: a kill after this store has seen all stores to the position. */
static inline void
state_publish(struct state_progress *progress)
{
	unsigned current =
		atomic_load_explicit(&progress->current, memory_order_relaxed);

	atomic_store_explicit(&progress->current, !(current & 1),
			      memory_order_release);
}

#endif
