/* SPDX-License-Identifier: MIT */
/*
 * tally: what happens too often for a line each, such as health checks, is
 * counted for each source and noted once a minute.  A thread of its own writes
 * the notes, since whoever counts must not wait for an output; and each
 * listener has one, since none must wait for an output of another.
 */
#ifndef PORTLOG_INPUT_NOTE_SUMMARY_H
#define PORTLOG_INPUT_NOTE_SUMMARY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"
#include "input/listener.h"

#define NOTE_SUMMARY_SOURCES 512

struct summary {
	struct listener *listener;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stopping;
	int done_fd; /* an eventfd, rung when the thread is done */
	atomic_bool done;
	size_t count;
	struct note_summary_entry {
		const char *event;
		struct address source; /* size 0: all that found no place */
		unsigned long long connections;
		long long deadline_ms;
	} entries[NOTE_SUMMARY_SOURCES];
};

/* Start the thread of a listener; false and errno if there can be none. */
bool note_summary_start(struct summary *, struct listener *, int done_fd);

/* Count one event: "EVENT connections=N peer=SOURCE". */
void note_summary_count(struct summary *, const char *event,
			const struct address *source);

/* Let the thread note what there is and end; does not wait for it. */
void note_summary_stop(struct summary *);

bool note_summary_is_done(const struct summary *);

/* Tell on stderr what was counted and is not noted yet. */
void note_summary_log(struct summary *);

/* Wait for its end and free all. */
void note_summary_join(struct summary *);

#endif
