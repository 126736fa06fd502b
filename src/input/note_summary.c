/* SPDX-License-Identifier: MIT */
#include "input/note_summary.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/clock.h"

#define PERIOD_MS 60000

void
note_summary_init(struct note_summary *s, int wake_fd)
{
	pthread_mutex_init(&s->lock, NULL);
	s->wake_fd = wake_fd;
	s->count = 0;
}

void
note_summary_destroy(struct note_summary *s)
{
	pthread_mutex_destroy(&s->lock);
}

static struct note_summary_entry *
find(struct note_summary *s, const char *event, const struct address *source)
{
	for (size_t i = 0; i < s->count; i++) {
		struct note_summary_entry *e = &s->entries[i];

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

static struct note_summary_entry *
find_or_add(struct note_summary *s, const char *event,
	    const struct address *source)
{
	const struct address others = { .size = 0 };
	struct note_summary_entry *entry = find(s, event, source);

	if (!entry && s->count >= NOTE_SUMMARY_ENTRIES * 3 / 4) {
		source = &others;
		entry = find(s, event, source);
	}
	if (entry || s->count == NOTE_SUMMARY_ENTRIES)
		return entry;
	entry = &s->entries[s->count++];
	*entry = (struct note_summary_entry){
		.event = event,
		.source = *source,
		.deadline_ms = clock_now_ms() + PERIOD_MS,
	};
	if (s->count == 1)
		eventfd_write(s->wake_fd, 1);
	return entry;
}

void
note_summary_count(struct note_summary *s, const char *event,
		   const struct address *source)
{
	struct note_summary_entry *entry;

	pthread_mutex_lock(&s->lock);
	entry = find_or_add(s, event, source);
	if (entry)
		entry->connections++;
	pthread_mutex_unlock(&s->lock);
}

long long
note_summary_deadline_ms(struct note_summary *s)
{
	long long deadline_ms;

	pthread_mutex_lock(&s->lock);
	deadline_ms = s->count > 0 ? s->entries[0].deadline_ms : LLONG_MAX;
	pthread_mutex_unlock(&s->lock);
	return deadline_ms;
}

static void
describe(char text[NOTE_SUMMARY_TEXT], const struct note_summary_entry *e)
{
	char host[ADDRESS_TEXT] = "others";

	if (e->source.size > 0)
		address_format_host(&e->source, host);
	snprintf(text, NOTE_SUMMARY_TEXT, "%s connections=%llu peer=%s",
		 e->event, e->connections, host);
}

bool
note_summary_take(struct note_summary *s, long long now_ms,
		  char text[NOTE_SUMMARY_TEXT])
{
	bool is_due;

	pthread_mutex_lock(&s->lock);
	is_due = s->count > 0 && s->entries[0].deadline_ms <= now_ms;
	if (is_due) {
		describe(text, &s->entries[0]);
		s->count--;
		memmove(s->entries, s->entries + 1,
			s->count * sizeof s->entries[0]);
	}
	pthread_mutex_unlock(&s->lock);
	return is_due;
}
