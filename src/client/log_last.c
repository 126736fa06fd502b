/* SPDX-License-Identifier: MIT */
#include "client/log_last.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "client/input.h"
#include "client/lines.h"
#include "client/log_search.h"

/* Where the last lines that are wanted begin; a ring. */
struct last {
	off_t *begins;
	size_t capacity;
	size_t count; /* all that were wanted */
};

static void
add(struct last *last, off_t begin, size_t lines)
{
	if (last->capacity < lines && last->count == last->capacity) {
		size_t capacity = last->capacity ? 2 * last->capacity : 64;

		last->capacity = capacity < lines ? capacity : lines;
		last->begins = memory_grow(last->begins, last->capacity,
					   sizeof *last->begins);
	}
	last->begins[last->count++ % last->capacity] = begin;
}

/* Read all of it. */
static off_t
scan(struct input *input, const struct log_filter *filter, size_t lines,
     size_t *missing)
{
	struct finder finder = log_filter_finder(filter);
	struct lines reader = { .input = input };
	struct buffer rendered = { 0 };
	struct last last = { 0 };
	struct log_view view;
	struct line line;
	off_t at = 0, begin = 0;

	for (;;) {
		at += (off_t)lines_pass(&reader, &finder);
		if (!lines_held(&reader, &line)) {
			if (!lines_read(&reader))
				break;
			continue;
		}
		log_view_set(&view, &rendered, line.text, line.size);
		if (log_filter_wants(filter, &view))
			add(&last, at, lines);
		at += (off_t)line.size + line.is_whole;
	}
	*missing = last.count < lines ? lines - last.count : 0;
	if (*missing == 0)
		begin = last.begins[last.count % last.capacity];
	free(last.begins);
	buffer_free(&rendered);
	lines_free(&reader);
	return begin;
}

off_t
log_last(const char *name, int fd, const struct log_filter *filter,
	 size_t lines, size_t *missing)
{
	struct input input;
	struct stat status;
	off_t begin = 0;

	*missing = lines;
	/* What is no file can be read once. */
	if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) ||
	    !input_open_log_at(&input, name, fd))
		return 0;
	if (!input.program && (log_filter_is_empty(filter) || lines == 0))
		begin = log_search_last(input.fd, lines, missing);
	else if (lines > 0)
		begin = scan(&input, filter, lines, missing);
	if (input.program)
		begin = 0;
	input_abandon(&input);
	return begin;
}
