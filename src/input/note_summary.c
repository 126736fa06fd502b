/* SPDX-License-Identifier: MIT */
#include "input/note_summary.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "input/registry.h"

#define PERIOD_MS 60000

/*
 * "refused datagrams=N bytes=N peer=SOURCE reason=no-certificate DETAIL" and a
 * NUL.
 */
#define TEXT_BYTES (ADDRESS_TEXT + NOTE_SUMMARY_DETAIL + 120)

/* Else this number is of probes. */
static bool
is_limited(const struct note_summary *s, enum state_event event)
{
	return event == EVENT_LIMITED && !listener_is_stream(s->listener);
}

/* Where an entry of this deadline has its place: at one of the two ends. */
static struct note_summary_entry *
make_room(struct note_summary *s, unsigned hash, bool is_first)
{
	size_t at = is_first ? 0 : s->count;

	memmove(s->entries + at + 1, s->entries + at,
		(s->count - at) * sizeof s->entries[0]);
	memmove(s->hashes + at + 1, s->hashes + at,
		(s->count - at) * sizeof s->hashes[0]);
	s->hashes[at] = hash;
	s->count++;
	return &s->entries[at];
}

static struct note_summary_entry *
add(struct note_summary *s, unsigned hash, const struct note_event *event,
    const struct address *source, long long deadline_ms)
{
	struct note_summary_entry *entry = make_room(s, hash, event->at_once);

	*entry = (struct note_summary_entry){
		.event = event->event,
		.reason = event->reason,
		.source = *source,
		.at_once = event->at_once,
		.deadline_ms = deadline_ms,
	};
	if (event->detail)
		snprintf(entry->detail, sizeof entry->detail, "%s",
			 event->detail);
	if ((s->count == 1 || event->at_once) && s->wake_fd >= 0)
		eventfd_write(s->wake_fd, 1);
	return entry;
}

void
note_summary_init_empty(struct note_summary *s, struct listener *listener)
{
	pthread_mutex_init(&s->lock, NULL);
	s->listener = listener;
	s->wake_fd = -1;
	s->count = 0;
	memset(s->unnoted, 0, sizeof s->unnoted);
	s->unnoted_bytes = 0;
}

void
note_summary_init(struct note_summary *s, struct listener *listener,
		  int wake_fd)
{
	const struct state_position *p =
		state_position(&listener->state_entry->progress);
	const struct address unknown = { .size = 0 };

	note_summary_init_empty(s, listener);
	s->wake_fd = wake_fd;
	for (unsigned i = 0; i < STATE_EVENTS; i++) {
		const struct note_event event = { .event = i };
		struct note_summary_entry *entry;

		s->unnoted[i] = p->unnoted[i];
		if (s->unnoted[i] == 0)
			continue;
		entry = add(s, 0, &event, &unknown, 0);
		entry->count = s->unnoted[i];
		if (is_limited(s, i))
			entry->bytes = s->unnoted_bytes = p->unnoted_bytes;
	}
}

void
note_summary_destroy(struct note_summary *s)
{
	pthread_mutex_destroy(&s->lock);
}

static bool
equals(const struct note_summary_entry *entry, const struct note_event *event,
       const struct address *source)
{
	const char *a = entry->reason, *b = event->reason;

	return entry->event == event->event &&
	       (a && b ? strcmp(a, b) == 0 : a == b) &&
	       strncmp(entry->detail, event->detail ? event->detail : "",
		       sizeof entry->detail - 1) == 0 &&
	       (source->size == 0
			? entry->source.size == 0 && entry->deadline_ms > 0
			: entry->source.size != 0 &&
				  address_same_host(&entry->source, source));
}

/* A flood of forged sources asks for many: look at the hashes alone. */
static struct note_summary_entry *
find(struct note_summary *s, unsigned hash, const struct note_event *event,
     const struct address *source)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->hashes[i] == hash &&
		    equals(&s->entries[i], event, source))
			return &s->entries[i];
	return NULL;
}

static struct note_summary_entry *
find_or_add(struct note_summary *s, const struct note_event *event,
	    const struct address *source)
{
	const struct address others = { .size = 0 };
	const struct note_event plain = { .event = event->event,
					  .reason = event->reason };
	unsigned hash = address_hash_host(source);
	struct note_summary_entry *entry = find(s, hash, event, source);

	if (!entry && s->count >= NOTE_SUMMARY_ENTRIES * 3 / 4) {
		hash = 0;
		event = &plain;
		source = &others;
		entry = find(s, hash, event, source);
	}
	return entry ? entry
		     : add(s, hash, event, source,
			   clock_now_ms() + (event->at_once ? 0 : PERIOD_MS));
}

/*
 * The lock is held.  A stream's listener has no other progress; a UDP thread
 * publishes its own, together with what else it has read.
 */
static void
publish(struct note_summary *s)
{
	struct state_progress *progress = &s->listener->state_entry->progress;

	if (!listener_is_stream(s->listener))
		return;
	memcpy(state_next(progress)->unnoted, s->unnoted, sizeof s->unnoted);
	state_publish(progress);
}

void
note_summary_count(struct note_summary *s, const struct note_event *event,
		   const struct address *source)
{
	struct note_summary_entry *entry;

	pthread_mutex_lock(&s->lock);
	entry = find_or_add(s, event, source);
	entry->count++;
	entry->bytes += event->bytes;
	s->unnoted[event->event]++;
	s->unnoted_bytes += event->bytes;
	publish(s);
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
describe_source(char host[ADDRESS_TEXT], const struct note_summary *s,
		const struct note_summary_entry *e)
{
	if (e->source.size == 0)
		snprintf(host, ADDRESS_TEXT, "%s",
			 e->deadline_ms == 0 ? "-" : "others");
	else if (is_limited(s, e->event))
		address_format_source(&e->source,
				      s->listener->registry->source_prefix_v6,
				      host);
	else
		address_format_host(&e->source, host);
}

static void
describe(char text[TEXT_BYTES], const struct note_summary *s,
	 const struct note_summary_entry *e)
{
	bool is_stream = listener_is_stream(s->listener);
	char host[ADDRESS_TEXT], bytes[40] = "";

	describe_source(host, s, e);
	if (e->bytes > 0)
		snprintf(bytes, sizeof bytes, " bytes=%llu", e->bytes);
	snprintf(text, TEXT_BYTES, "%s %s=%llu%s peer=%s%s%s%s%s",
		 e->event == EVENT_REFUSED ? "refused"
		 : is_limited(s, e->event) ? "limited"
					   : "probes",
		 is_stream ? "connections" : "datagrams", e->count, bytes, host,
		 e->reason ? " reason=" : "", e->reason ? e->reason : "",
		 e->detail[0] ? " " : "", e->detail);
}

/* The next minute is counted from here. */
static void
keep(struct note_summary *s, unsigned hash,
     const struct note_summary_entry *entry, long long now_ms)
{
	struct note_summary_entry *kept = make_room(s, hash, false);

	*kept = *entry;
	kept->count = 0;
	kept->deadline_ms = now_ms + PERIOD_MS;
}

/* Take out the next that is due; false: there is none. */
static bool
take(struct note_summary *s, long long now_ms, struct note_summary_entry *entry)
{
	bool is_due;

	pthread_mutex_lock(&s->lock);
	is_due = s->count > 0 && s->entries[0].deadline_ms <= now_ms;
	if (is_due) {
		unsigned hash = s->hashes[0];

		*entry = s->entries[0];
		s->count--;
		memmove(s->entries, s->entries + 1,
			s->count * sizeof s->entries[0]);
		memmove(s->hashes, s->hashes + 1,
			s->count * sizeof s->hashes[0]);
		if (entry->at_once && entry->count > 0 && now_ms != LLONG_MAX)
			keep(s, hash, entry, now_ms);
	}
	pthread_mutex_unlock(&s->lock);
	return is_due;
}

/* If we were killed before, the next process notes it. */
static void
settle(struct note_summary *s, const struct note_summary_entry *entry)
{
	const struct pool *pool = &s->listener->pool;

	if (output_set_is_broken(pool->outputs, pool->output_mask))
		return;
	pthread_mutex_lock(&s->lock);
	s->unnoted[entry->event] -= (uint32_t)entry->count;
	s->unnoted_bytes -= entry->bytes;
	publish(s);
	pthread_mutex_unlock(&s->lock);
}

void
note_summary_write(struct note_summary *s, long long now_ms)
{
	struct note_summary_entry entry;
	char text[TEXT_BYTES];

	while (take(s, now_ms, &entry)) {
		if (entry.count == 0)
			continue;
		describe(text, s, &entry);
		listener_note(s->listener, text);
		settle(s, &entry);
	}
}

void
note_summary_log_unwritten(struct note_summary *s)
{
	struct note_summary_entry entry;
	char text[TEXT_BYTES];

	while (take(s, LLONG_MAX, &entry)) {
		if (entry.count == 0)
			continue;
		describe(text, s, &entry);
		diag(LOG_ERR, "abandoned: listener %s: %s", s->listener->name,
		     text);
	}
}
