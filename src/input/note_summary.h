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

#define TALLY_SOURCES 512

struct tally {
	struct listener *listener;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stopping;
	int done_fd; /* an eventfd, rung when the thread is done */
	atomic_bool done;
	size_t count;
	struct tally_entry {
		const char *event;
		struct address source; /* size 0: all that found no place */
		unsigned long long connections;
		long long due_ms;
	} entries[TALLY_SOURCES];
};

/* Start the thread of a listener; false and errno if there can be none. */
bool tally_start(struct tally *, struct listener *, int done_fd);

/* Count one event: "EVENT connections=N peer=SOURCE". */
void tally_count(struct tally *, const char *event,
		 const struct address *source);

/* Let the thread note what there is and end; does not wait for it. */
void tally_stop(struct tally *);

bool tally_is_done(const struct tally *);

/* Tell on stderr what was counted and is not noted yet. */
void tally_tell(struct tally *);

/* Wait for its end and free all. */
void tally_join(struct tally *);

#endif
