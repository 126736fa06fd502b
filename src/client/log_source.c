/* SPDX-License-Identifier: MIT */
#include "client/log_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/memory.h"
#include "client/log_last.h"
#include "client/log_search.h"

/* Behind so many bytes of lines that are too late none is in time. */
#define LATE_BYTES 4194304

/* How long a line may have no end before it is shown. */
#define UNFINISHED_MS 1000

void
log_source_init(struct log_source *s, const char *path,
		const struct log_filter *filter, bool follows)
{
	*s = (struct log_source){
		.path = memory_copy(path),
		.filter = filter,
		.finder = log_filter_finder(filter),
		.follows = follows,
		.input = { .fd = -1 },
		.next = -1,
	};
}

/*
 * Open the file at the path, and then list what rotations have left of those
 * before it: so none is missed if it is rotated meanwhile.
 */
static void
open_path(struct log_source *s)
{
	/* What is wrong with it is said once it is to be read. */
	if (strcmp(s->path, "-") != 0)
		s->next = open(s->path, O_RDONLY | O_CLOEXEC);
}

static void
find_parts(struct log_source *s, time_t since)
{
	struct stat next;

	log_parts_free(&s->parts);
	s->part = 0;
	if (strcmp(s->path, "-") != 0)
		log_parts_find(&s->parts, s->path, since);
	if (s->next >= 0 && fstat(s->next, &next) == 0)
		log_parts_cut(&s->parts, &next);
}

void
log_source_begin(struct log_source *s)
{
	time_t since = s->filter->since.is_set
			     ? s->filter->since.time.tv_sec - LOG_SEARCH_SLACK
			     : 0;

	open_path(s);
	find_parts(s, since);
}

void
log_source_begin_last(struct log_source *s, size_t lines)
{
	open_path(s);
	s->begin = log_last(s->path, s->next, s->filter, lines, &lines);
	if (lines == 0)
		return;
	find_parts(s, 0);
	s->part = s->parts.count;
	while (lines > 0 && s->part > 0) {
		const struct log_part *part = &s->parts.list[--s->part];

		s->begin = log_last(part->path, part->fd, s->filter, lines,
				    &lines);
	}
}

static void
close_file(struct log_source *s)
{
	if (s->input.fd >= 0 && !input_close(&s->input))
		s->has_failed = true;
	s->input.fd = -1;
	lines_free(&s->lines);
	s->is_live = false;
	s->held = 0;
}

/* A file that is compressed is read from its beginning. */
static void
seek(struct log_source *s)
{
	int fd = s->input.fd;
	off_t begin = s->begin;

	s->begin = 0;
	if (s->input.program || lseek(fd, 0, SEEK_CUR) < 0)
		return;
	if (begin == 0 && s->filter->since.is_set)
		begin = log_search_time(fd, &s->filter->since.time);
	lseek(fd, begin, SEEK_SET);
	if (s->input.left > 0)
		s->input.left -= begin < s->input.left ? begin : s->input.left;
}

static bool
take_file(struct log_source *s, bool is_open)
{
	if (!is_open) {
		s->has_failed = true;
		s->input.fd = -1;
		return false;
	}
	s->lines = (struct lines){ .input = &s->input };
	return true;
}

/* Whether the file at the path is there; who follows waits for it. */
static bool
is_there(struct log_source *s)
{
	if (!s->follows || access(s->path, F_OK) == 0 || errno != ENOENT)
		return true;
	if (!s->is_awaited && s->parts.count == 0)
		diag(LOG_WARNING, "%s: waiting for it: %s", s->path,
		     strerror(ENOENT));
	s->is_awaited = true;
	return false;
}

static bool
take_path(struct log_source *s)
{
	bool is_open;

	if (s->next < 0)
		return input_open_log(&s->input, s->path);
	is_open = input_open_log_at(&s->input, s->path, s->next);
	close(s->next);
	s->next = -1;
	return is_open;
}

static bool
open_live(struct log_source *s)
{
	if (s->was_live || (s->next < 0 && !is_there(s)))
		return false;
	s->was_live = true;
	if (!take_file(s, take_path(s)))
		return false;
	s->is_live = s->follows && !s->input.program &&
		     fstat(s->input.fd, &s->file) == 0 &&
		     S_ISREG(s->file.st_mode);
	seek(s);
	if (s->is_live)
		s->input.left = -1;
	return true;
}

/* Open the next file, by time: the rotated ones, then that at the path. */
static bool
open_next(struct log_source *s)
{
	while (s->part < s->parts.count) {
		const struct log_part *part = &s->parts.list[s->part++];

		if (take_file(s, input_open_log_at(&s->input, part->path,
						   part->fd))) {
			seek(s);
			return true;
		}
	}
	return open_live(s);
}

/*
 * Whether a line is so late that no later one can be in time.  After a stall
 * datagrams are older than what stands before them, so more is looked at.
 */
static bool
is_too_late(struct log_source *s)
{
	const struct log_bound *until = &s->filter->until;

	if (!until->is_set || s->view.is_foreign)
		return false;
	if (memcmp(s->view.text, until->text, LOG_VIEW_TIME) <= 0)
		s->late = 0;
	else
		s->late += s->view.line_size;
	return s->late > LATE_BYTES;
}

static void
take(struct log_source *s, const struct line *line)
{
	log_view_set(&s->view, &s->rendered, line->text, line->size);
	s->is_unfinished = !line->is_whole;
	s->foreign += s->view.is_foreign;
	s->has_line = log_filter_wants(s->filter, &s->view);
	if (is_too_late(s))
		s->is_ended = true;
}

/* What is held of a line that has no end yet, and since when. */
static void
note_held(struct log_source *s)
{
	size_t held = s->lines.memory.size - s->lines.begin;

	if (held != s->held)
		s->held_since_ms = clock_now_ms();
	s->held = held;
}

/* Read more.  false: there is no more now. */
static bool
read_more(struct log_source *s)
{
	if (lines_read(&s->lines)) {
		if (!s->lines.ended || !s->is_live)
			return true;
		s->lines.ended = false; /* it may grow */
		note_held(s);
		return false;
	}
	if (s->lines.error) {
		diag(LOG_ERR, "%s: %s", s->input.name,
		     strerror(s->lines.error));
		s->has_failed = true;
	}
	close_file(s);
	return true;
}

bool
log_source_next(struct log_source *s)
{
	struct line line;

	while (!s->has_line && !s->is_ended) {
		if (s->input.fd < 0 && !open_next(s))
			return false;
		lines_pass(&s->lines, &s->finder);
		if (lines_held(&s->lines, &line))
			take(s, &line);
		else if (!read_more(s))
			return false;
	}
	return s->has_line;
}

/* The time of the first line of the live file; "": it has none. */
static void
read_first(const struct log_source *s, char first[FORMAT_TIME])
{
	char begin[64];
	ssize_t size = pread(s->input.fd, begin, sizeof begin, 0);
	const char *time = size > 0 ? log_view_time(begin, (size_t)size) : NULL;

	memset(first, 0, FORMAT_TIME);
	if (time)
		memcpy(first, time, LOG_VIEW_TIME);
}

/*
 * Another file is at the path, and has lines: nothing is written to the old one
 * any more.  It is read to its end, then those files that came and went since,
 * then the new one, which is opened now: it may be rotated meanwhile.
 */
static void
replace(struct log_source *s)
{
	char first[FORMAT_TIME];

	open_path(s);
	if (s->next < 0)
		return; /* one more rotation goes on */
	read_first(s, first);
	find_parts(s, s->file.st_mtime - 1);
	s->part = log_parts_behind(&s->parts, &s->file, first);
	s->is_live = s->was_live = false;
}

static void
begin_anew(struct log_source *s)
{
	diag(LOG_WARNING,
	     "%s: it was cut, reading it from its beginning; some lines may be "
	     "missing here",
	     s->path);
	lseek(s->input.fd, 0, SEEK_SET);
	s->lines.begin = s->lines.searched = s->lines.memory.size = 0;
	s->held = 0;
}

void
log_source_check(struct log_source *s)
{
	struct stat opened, there;

	if (!s->is_live || fstat(s->input.fd, &opened) != 0)
		return;
	if (opened.st_size < lseek(s->input.fd, 0, SEEK_CUR))
		begin_anew(s);
	if (stat(s->path, &there) == 0 && there.st_size > 0 &&
	    (there.st_ino != s->file.st_ino || there.st_dev != s->file.st_dev))
		replace(s);
}

bool
log_source_next_unfinished(struct log_source *s, long long now_ms)
{
	const char *held = s->lines.memory.data + s->lines.begin;

	if (!s->is_live || s->held == 0 || s->held_since_ms == 0 ||
	    now_ms < s->held_since_ms + UNFINISHED_MS)
		return false;
	s->held_since_ms = 0;
	log_view_set(&s->view, &s->rendered, held, s->held);
	s->is_unfinished = true;
	s->has_line = log_filter_wants(s->filter, &s->view);
	return s->has_line;
}

void
log_source_close(struct log_source *s)
{
	if (s->input.fd >= 0) {
		input_abandon(&s->input);
		lines_free(&s->lines);
	}
	if (s->next >= 0)
		close(s->next);
	log_parts_free(&s->parts);
	buffer_free(&s->rendered);
	free(s->path);
}
