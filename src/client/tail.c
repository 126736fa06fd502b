/* SPDX-License-Identifier: MIT */
#include "client/tail.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/memory.h"
#include "client/log_watch.h"

/* The last lines of several logs together, copied. */
struct ring {
	struct ring_line {
		struct buffer text;
		bool is_unfinished;
	} * lines;
	size_t capacity, count;
};

void
tail_add(struct tail *tail, const char *path)
{
	struct log_source *source;

	for (size_t i = 0; i < tail->count; i++)
		if (strcmp(tail->sources[i]->path, path) == 0)
			return;
	source = memory_zeroed(1, sizeof *source);
	log_source_init(source, path, &tail->filter, tail->follows);
	tail->sources = memory_append(tail->sources, tail->count,
				      sizeof(struct log_source *));
	tail->sources[tail->count++] = source;
}

/* What has no time goes on where the line before it was. */
static bool
is_before(const struct log_source *a, const struct log_source *b)
{
	return a->view.is_foreign ||
	       (!b->view.is_foreign &&
		memcmp(a->view.text, b->view.text, LOG_VIEW_TIME) < 0);
}

/* The source with the earliest of the next lines.  NULL: there is none. */
static struct log_source *
earliest(struct tail *tail)
{
	struct log_source *first = NULL;

	for (size_t i = 0; i < tail->count; i++) {
		struct log_source *source = tail->sources[i];

		if (log_source_next(source) &&
		    (!first || is_before(source, first)))
			first = source;
	}
	return first;
}

/* Print the next line of a source.  false: these were enough. */
static bool
print(struct tail *tail, struct log_source *source)
{
	log_print(&tail->printer, &source->view, source->is_unfinished);
	source->has_line = source->is_unfinished = false;
	return ++tail->printed < tail->limit;
}

static bool
print_all(struct tail *tail)
{
	struct log_source *source;

	while ((source = earliest(tail)))
		if (!print(tail, source))
			return false;
	return true;
}

static void
ring_add(struct ring *ring, struct log_source *source)
{
	struct ring_line *line = &ring->lines[ring->count++ % ring->capacity];

	line->text.size = 0;
	buffer_add(&line->text, source->view.line, source->view.line_size);
	line->is_unfinished = source->is_unfinished;
	source->has_line = false;
}

static bool
ring_print(struct ring *ring, struct tail *tail)
{
	size_t first =
		ring->count > ring->capacity ? ring->count - ring->capacity : 0;
	struct buffer rendered = { 0 };
	bool goes_on = true;

	for (size_t i = first; i < ring->count && goes_on; i++) {
		const struct ring_line *line = &ring->lines[i % ring->capacity];
		struct log_view view;

		log_view_set(&view, &rendered, line->text.data,
			     line->text.size);
		log_print(&tail->printer, &view, line->is_unfinished);
		goes_on = ++tail->printed < tail->limit;
	}
	buffer_free(&rendered);
	return goes_on;
}

/* Print the last of what there is.  false: these were enough. */
static bool
print_last(struct tail *tail)
{
	struct ring ring = { .capacity = tail->lines };
	struct log_source *source;
	bool goes_on;

	if (tail->lines == 0)
		return true;
	ring.lines = memory_zeroed(ring.capacity, sizeof *ring.lines);
	while ((source = earliest(tail)))
		ring_add(&ring, source);
	goes_on = ring_print(&ring, tail);
	for (size_t i = 0; i < ring.capacity; i++)
		buffer_free(&ring.lines[i].text);
	free(ring.lines);
	return goes_on;
}

/* Print what is there now.  false: these were enough. */
static bool
print_present(struct tail *tail)
{
	bool is_limited = tail->lines != TAIL_ALL;

	for (size_t i = 0; i < tail->count; i++)
		if (is_limited && !tail->filter.since.is_set)
			log_source_begin_last(tail->sources[i], tail->lines);
		else
			log_source_begin(tail->sources[i]);
	return is_limited ? print_last(tail) : print_all(tail);
}

static bool
print_unfinished(struct tail *tail)
{
	long long now_ms = clock_now_ms();

	for (size_t i = 0; i < tail->count; i++)
		if (log_source_next_unfinished(tail->sources[i], now_ms) &&
		    !print(tail, tail->sources[i]))
			return false;
	return true;
}

/* A pattern may have a file more by now, all of which is new. */
static void
find_new(struct tail *tail, struct log_watch *watch)
{
	struct log_paths paths = { 0 };
	size_t count = tail->count;

	if (!tail->is_configured)
		return;
	log_paths_find(&paths, &tail->config);
	for (size_t i = 0; i < paths.count; i++)
		tail_add(tail, paths.list[i]);
	for (size_t i = count; i < tail->count; i++)
		log_watch_add(watch, tail->sources[i]->path);
	log_paths_free(&paths);
}

/* Until nobody reads it, or these are enough. */
static void
follow(struct tail *tail)
{
	struct log_watch watch;

	log_watch_init(&watch);
	for (size_t i = 0; i < tail->count; i++)
		log_watch_add(&watch, tail->sources[i]->path);
	do {
		for (size_t i = 0; i < tail->count; i++)
			log_source_check(tail->sources[i]);
		find_new(tail, &watch);
		if (!print_all(tail) || !print_unfinished(tail))
			break;
		log_print_flush(&tail->printer);
	} while (log_watch_wait(&watch));
}

/* Whether all could be read; what had no columns is counted. */
static bool
report(const struct tail *tail)
{
	bool good = true;

	for (size_t i = 0; i < tail->count; i++) {
		const struct log_source *source = tail->sources[i];

		good = good && !source->has_failed;
		if (source->foreign > 0)
			diag(LOG_WARNING,
			     "%s: lines that are none of a log, and have no "
			     "columns: %llu",
			     source->path, source->foreign);
	}
	return good;
}

int
tail_run(struct tail *tail)
{
	bool good;

	if (print_present(tail) && tail->follows)
		follow(tail);
	log_print_flush(&tail->printer);
	good = report(tail);
	for (size_t i = 0; i < tail->count; i++) {
		log_source_close(tail->sources[i]);
		free(tail->sources[i]);
	}
	free(tail->sources);
	log_filter_free(&tail->filter);
	log_filter_free(&tail->highlight);
	buffer_free(&tail->printer.out);
	return good && tail->printed > 0 ? EX_OK : EXIT_FAILURE;
}
