/* SPDX-License-Identifier: MIT */
/*
 * ledger: how far each connection and each UDP socket has come, in memory that
 * the fd store keeps.  If this process is killed, the next one knows from it
 * where a stream stands, and how much was in hand and is lost.  Open and close
 * are the main thread's, the rest any thread's; none blocks but as fdstore.h
 * says.
 */
#ifndef PORTLOG_SYSTEM_LEDGER_H
#define PORTLOG_SYSTEM_LEDGER_H

#include <pthread.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "system/listen_fds.h"

/* More digits a count does not have, see framer.c. */
#define LEDGER_COUNT 9

/* Written by one thread alone; a cache line, so that no two share one. */
struct ledger_entry {
	alignas(64) uint64_t key; /* whose it is; 0: it is free */
	int64_t opened_ms;        /* CLOCK_MONOTONIC; 0: nothing is known */
	uint64_t read;            /* bytes of a stream; datagrams */
	uint64_t done;            /* of these, with the outputs */
	uint64_t records;         /* with the outputs */
	union {
		uint64_t due;     /* octet-counted: of a frame, behind `read` */
		uint64_t dropped; /* UDP: by the kernel, and reported */
	};
	pid_t owner;
	uint8_t framing;                   /* enum framing, behind `read` */
	uint8_t held;                      /* digits of a count so far */
	unsigned char count[LEDGER_COUNT]; /* these digits */
	uint8_t closed; /* boolean: its last note is written too */
};

struct ledger {
	struct ledger_entry *entries; /* NULL: there is no fd store */
	pthread_mutex_t lock;         /* of who has which */
};

/* Use that of the process before this one, or put a new one into the store. */
void ledger_open(struct ledger *, struct listen_fds *);
void ledger_close(struct ledger *);

/* What the process before this one knew of this key; NULL: nothing. */
struct ledger_entry *ledger_find(struct ledger *, uint64_t key);

/*
 * A new entry for this key, all else zero: a free one, else one that was
 * released or that the process before this one left and that was not found.
 * NULL: there is no room.
 */
struct ledger_entry *ledger_claim(struct ledger *, uint64_t key);

/*
 * Give back an entry, found or claimed.  clear: now.  release: once its place
 * is needed; until then the next process can find it.
 */
void ledger_clear(struct ledger *, struct ledger_entry *);
void ledger_release(struct ledger *, struct ledger_entry *);

/* The largest key that is a connection's number; 0: none. */
uint64_t ledger_last_number(const struct ledger *);

/* The key of a name, which no connection's number is. */
uint64_t ledger_key(const char *name);

#endif
