/* SPDX-License-Identifier: MIT */
/*
 * note_summary: events that are too many for a note each, such as health
 * checks, counted by source and noted once a minute.  Any thread may count,
 * and none blocks; the listener's poller writes the notes.
 */
#ifndef PORTLOG_INPUT_NOTE_SUMMARY_H
#define PORTLOG_INPUT_NOTE_SUMMARY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"

/*
 * Entries that there are at most.  The last quarter is for events of sources
 * that found no entry: those are counted together, as peer=others.
 */
#define NOTE_SUMMARY_ENTRIES 512

/* Room for a note and its NUL. */
#define NOTE_SUMMARY_TEXT (ADDRESS_TEXT + 64)

struct note_summary {
	pthread_mutex_t lock;
	int wake_fd; /* an eventfd, rung for the first entry; borrowed */
	size_t count;
	struct note_summary_entry {
		const char *event;
		struct address source; /* size 0: all others */
		unsigned long long connections;
		long long deadline_ms;
	} entries[NOTE_SUMMARY_ENTRIES]; /* in the order of their deadlines */
};

void note_summary_init(struct note_summary *, int wake_fd);
void note_summary_destroy(struct note_summary *);

/* Count an event, a string constant: "EVENT connections=N peer=SOURCE". */
void note_summary_count(struct note_summary *, const char *event,
			const struct address *source);

/* When the next note is due, on CLOCK_MONOTONIC; LLONG_MAX: there is none. */
long long note_summary_deadline_ms(struct note_summary *);

/* Take out the next note that is due at this time; false: there is none. */
bool note_summary_take(struct note_summary *, long long now_ms,
		       char text[NOTE_SUMMARY_TEXT]);

#endif
