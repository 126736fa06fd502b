/* SPDX-License-Identifier: MIT */
#include "input/note_summary.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/thread.h"

#define PERIOD_MS 60000
#define TEXT_BYTES (ADDRESS_TEXT + 64)

static struct note_summary_entry *
find(struct summary *t, const char *event, const struct address *source)
{
	for (size_t i = 0; i < t->count; i++) {
		struct note_summary_entry *e = &t->entries[i];

		if (strcmp(e->event, event) != 0)
			continue;
		if (source->size == 0
			    ? e->source.size == 0
			    : e->source.size != 0 &&
				      address_same_host(&e->source, source))
			return e;
	}
	return NULL;
}

/* Where there is no more room for sources, they are counted together. */
static struct note_summary_entry *
find_or_add(struct summary *t, const char *event, const struct address *source)
{
	const struct address others = { .size = 0 };
	struct note_summary_entry *entry = find(t, event, source);

	if (!entry && t->count >= NOTE_SUMMARY_SOURCES * 3 / 4) {
		source = &others;
		entry = find(t, event, source);
	}
	if (entry || t->count == NOTE_SUMMARY_SOURCES)
		return entry;
	entry = &t->entries[t->count++];
	*entry = (struct note_summary_entry){
		.event = event,
		.source = *source,
		.deadline_ms = clock_now_ms() + PERIOD_MS,
	};
	pthread_cond_signal(&t->changed);
	return entry;
}

void
note_summary_count(struct summary *t, const char *event,
		   const struct address *source)
{
	struct note_summary_entry *entry;

	pthread_mutex_lock(&t->lock);
	entry = find_or_add(t, event, source);
	if (entry)
		entry->connections++;
	pthread_mutex_unlock(&t->lock);
}

static void
describe(char *text, size_t size, const struct note_summary_entry *e)
{
	char host[ADDRESS_TEXT] = "others";

	if (e->source.size > 0)
		address_format_host(&e->source, host);
	snprintf(text, size, "%s connections=%llu peer=%s", e->event,
		 e->connections, host);
}

static void
note(const struct summary *t, const struct note_summary_entry *e)
{
	char text[TEXT_BYTES];

	describe(text, sizeof text, e);
	listener_note(t->listener, text);
}

void
note_summary_log(struct summary *t)
{
	char text[TEXT_BYTES];

	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < t->count; i++) {
		describe(text, sizeof text, &t->entries[i]);
		diag(LOG_ERR, "abandoned: listener %s: %s", t->listener->name,
		     text);
	}
	pthread_mutex_unlock(&t->lock);
}

/* Take out the first entry; all wait for as long, so they are in order. */
static struct note_summary_entry
take_first(struct summary *t)
{
	struct note_summary_entry first = t->entries[0];

	t->count--;
	memmove(t->entries, t->entries + 1, t->count * sizeof first);
	return first;
}

/* Wait for the first to be due; false: there is nothing more to come. */
static bool
wait_for_first(struct summary *t)
{
	for (;;) {
		long long deadline_ms =
			t->count > 0 ? t->entries[0].deadline_ms : 0;
		struct timespec due = { .tv_sec = deadline_ms / 1000,
					.tv_nsec =
						deadline_ms % 1000 * 1000000 };

		if (t->stopping)
			return t->count > 0;
		if (t->count == 0)
			pthread_cond_wait(&t->changed, &t->lock);
		else if (deadline_ms <= clock_now_ms())
			return true;
		else
			pthread_cond_timedwait(&t->changed, &t->lock, &due);
	}
}

static void *
note_summary_main(void *argument)
{
	struct summary *t = argument;

	pthread_mutex_lock(&t->lock);
	while (wait_for_first(t)) {
		struct note_summary_entry first = take_first(t);

		pthread_mutex_unlock(&t->lock);
		note(t, &first);
		pthread_mutex_lock(&t->lock);
	}
	pthread_mutex_unlock(&t->lock);
	atomic_store(&t->done, true);
	eventfd_write(t->done_fd, 1);
	return NULL;
}

bool
note_summary_start(struct summary *t, struct listener *listener, int done_fd)
{
	pthread_condattr_t attributes;

	t->listener = listener;
	t->count = 0;
	t->stopping = false;
	t->done_fd = done_fd;
	atomic_init(&t->done, false);
	pthread_mutex_init(&t->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&t->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	errno = thread_start(&t->thread, note_summary_main, t);
	return errno == 0;
}

void
note_summary_stop(struct summary *t)
{
	pthread_mutex_lock(&t->lock);
	t->stopping = true;
	pthread_cond_signal(&t->changed);
	pthread_mutex_unlock(&t->lock);
}

bool
note_summary_is_done(const struct summary *t)
{
	return atomic_load(&t->done);
}

void
note_summary_join(struct summary *t)
{
	pthread_join(t->thread, NULL);
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->lock);
}
