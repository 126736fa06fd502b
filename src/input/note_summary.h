/* SPDX-License-Identifier: MIT */
/*
 * note_summary: events that are too many for a note each, such as health
 * checks, counted by source and noted once a minute.  Any thread may count,
 * and none blocks; one thread of the listener writes the notes.
 */
#ifndef PORTLOG_INPUT_NOTE_SUMMARY_H
#define PORTLOG_INPUT_NOTE_SUMMARY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "input/listener.h"

/*
 * Entries that there are at most.  The last quarter is for events of sources
 * that found no entry: those are counted together, as peer=others, and without
 * their details.
 */
#define NOTE_SUMMARY_ENTRIES 512

/* Room for the details of an event and a NUL; longer ones are cut. */
#define NOTE_SUMMARY_DETAIL 256

/* An event; events that differ have a note each. */
struct note_event {
	enum state_event event;
	const char *reason; /* a string constant, "network"; NULL: none */
	/* Pairs that follow it, "detail=expired": escaped, copied; or NULL. */
	const char *detail;
	size_t bytes; /* of a datagram that is limited; else 0 */
	bool at_once; /* note the first, and count those of the next minute */
};

struct note_summary {
	struct listener *listener; /* borrowed */
	int wake_fd; /* an eventfd, rung for the first entry; borrowed; or -1 */
	pthread_mutex_t lock;
	/* Under the lock: */
	uint32_t unnoted[STATE_EVENTS]; /* in no written note yet */
	uint64_t unnoted_bytes;
	size_t count;
	unsigned hashes[NOTE_SUMMARY_ENTRIES]; /* of what an entry counts */
	struct note_summary_entry {
		enum state_event event;
		const char *reason;
		char detail[NOTE_SUMMARY_DETAIL];
		struct address source;    /* size 0: all others */
		unsigned long long count; /* 0: the first is noted */
		unsigned long long bytes;
		bool at_once;
		/* 0: of the process before this one, which knew the sources. */
		long long deadline_ms;
	} entries[NOTE_SUMMARY_ENTRIES]; /* in the order of their deadlines */
};

/*
 * For a listener whose state says what the process before this one had counted
 * and not noted.  Where the state keeps its own up to date: that of TCP does,
 * with each event; the thread of UDP publishes `unnoted` with its progress.
 */
void note_summary_init(struct note_summary *, struct listener *, int wake_fd);

/* One beside that, in which nothing is counted. */
void note_summary_init_empty(struct note_summary *, struct listener *);

void note_summary_destroy(struct note_summary *);

/*
 * Count one: "EVENT connections=N peer=SOURCE reason=REASON DETAIL", or
 * datagrams=N, and bytes=N if it has any, if the listener is UDP.  Where it is
 * limited, the source is what address_source() makes of the peer.
 */
void note_summary_count(struct note_summary *, const struct note_event *,
			const struct address *source);

/* When the next note is due, on CLOCK_MONOTONIC; LLONG_MAX: there is none. */
long long note_summary_deadline_ms(struct note_summary *);

/*
 * Write the notes that are due at this time; LLONG_MAX: all.  The listener's
 * thread: it blocks on outputs.
 */
void note_summary_write(struct note_summary *, long long now_ms);

/* Log on stderr all that are not written, as abandoned. */
void note_summary_log_unwritten(struct note_summary *);

#endif
