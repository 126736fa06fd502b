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

static struct tally_entry *
find(struct tally *t, const char *event, const struct address *source)
{
	for (size_t i = 0; i < t->count; i++) {
		struct tally_entry *e = &t->entries[i];

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
static struct tally_entry *
find_or_add(struct tally *t, const char *event, const struct address *source)
{
	const struct address others = { .size = 0 };
	struct tally_entry *entry = find(t, event, source);

	if (!entry && t->count >= TALLY_SOURCES * 3 / 4) {
		source = &others;
		entry = find(t, event, source);
	}
	if (entry || t->count == TALLY_SOURCES)
		return entry;
	entry = &t->entries[t->count++];
	*entry = (struct tally_entry){
		.event = event,
		.source = *source,
		.due_ms = clock_now_ms() + PERIOD_MS,
	};
	pthread_cond_signal(&t->changed);
	return entry;
}

void
tally_count(struct tally *t, const char *event, const struct address *source)
{
	struct tally_entry *entry;

	pthread_mutex_lock(&t->lock);
	entry = find_or_add(t, event, source);
	if (entry)
		entry->connections++;
	pthread_mutex_unlock(&t->lock);
}

static void
describe(char *text, size_t size, const struct tally_entry *e)
{
	char host[ADDRESS_TEXT] = "others";

	if (e->source.size > 0)
		address_format_host(&e->source, host);
	snprintf(text, size, "%s connections=%llu peer=%s", e->event,
		 e->connections, host);
}

static void
note(const struct tally *t, const struct tally_entry *e)
{
	char text[TEXT_BYTES];

	describe(text, sizeof text, e);
	listener_note(t->listener, text);
}

void
tally_tell(struct tally *t)
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
static struct tally_entry
take_first(struct tally *t)
{
	struct tally_entry first = t->entries[0];

	t->count--;
	memmove(t->entries, t->entries + 1, t->count * sizeof first);
	return first;
}

/* Wait for the first to be due; false: there is nothing more to come. */
static bool
wait_for_first(struct tally *t)
{
	for (;;) {
		long long due_ms = t->count > 0 ? t->entries[0].due_ms : 0;
		struct timespec due = { .tv_sec = due_ms / 1000,
					.tv_nsec = due_ms % 1000 * 1000000 };

		if (t->stopping)
			return t->count > 0;
		if (t->count == 0)
			pthread_cond_wait(&t->changed, &t->lock);
		else if (due_ms <= clock_now_ms())
			return true;
		else
			pthread_cond_timedwait(&t->changed, &t->lock, &due);
	}
}

static void *
tally_main(void *argument)
{
	struct tally *t = argument;

	pthread_mutex_lock(&t->lock);
	while (wait_for_first(t)) {
		struct tally_entry first = take_first(t);

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
tally_start(struct tally *t, struct listener *listener, int done_fd)
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
	errno = thread_start(&t->thread, tally_main, t);
	return errno == 0;
}

void
tally_stop(struct tally *t)
{
	pthread_mutex_lock(&t->lock);
	t->stopping = true;
	pthread_cond_signal(&t->changed);
	pthread_mutex_unlock(&t->lock);
}

bool
tally_is_done(const struct tally *t)
{
	return atomic_load(&t->done);
}

void
tally_join(struct tally *t)
{
	pthread_join(t->thread, NULL);
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->lock);
}
