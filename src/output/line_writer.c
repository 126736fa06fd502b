/* SPDX-License-Identifier: MIT */
#include "output/line_writer.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/diag.h"
#include "output/doubt.h"
#include "output/files.h"
#include "output/free_space.h"
#include "output/retry.h"

#define LOOK_MS 100 /* between two looks at a file that is written to */

#define ROTATE_MS 1000 /* before a rotation that failed is tried again */

/* Why a path is opened again. */
enum reason { REASON_REQUEST, REASON_LOOK, REASON_SIZE };

/* The lines that are being written. */
struct writing {
	const char *data;
	size_t size;       /* bytes of data */
	size_t done;       /* bytes of data that are written */
	size_t file_begin; /* what is before this is in an older file */
	size_t lines;      /* of data */
	size_t counted;    /* lines that are counted as written */
};

/* Where the line begins that is being written.  Raw has no lines. */
static size_t
line_begin(const struct output *output, const struct writing *w)
{
	const char *newline = memrchr(w->data, '\n', w->done);

	if (output->config->format == FORMAT_RAW)
		return w->done;
	return newline ? (size_t)(newline - w->data) + 1 : 0;
}

/* In raw a newline may be data: only at the beginning it is sure. */
static bool
is_in_line(const struct output *output, const struct writing *w)
{
	return output->config->format == FORMAT_RAW
		     ? w->done > 0
		     : line_begin(output, w) != w->done;
}

/* Count so many lines as written, so that those waiting are exact. */
static void
count_written(struct output *output, struct writing *w, size_t lines)
{
	long long more = (long long)lines - (long long)w->counted;

	atomic_fetch_add(&output->counters.records, more);
	atomic_fetch_sub(&output->counters.waiting, more);
	w->counted = lines;
}

/* The file ends elsewhere now: a line that it had begun is begun again. */
static void
begin_line_again(struct output *output, struct writing *w)
{
	size_t begin = line_begin(output, w);

	if (begin < w->done)
		diag(LOG_WARNING,
		     "output %s: a line is begun again, of which %zu bytes "
		     "were written before",
		     output->sink->name, w->done - begin);
	w->done = w->file_begin = begin;
}

/* The file that is written to is open again, if there is one. */
static void
finish_request(struct output *output, unsigned request)
{
	if (output->files)
		files_close_others(output);
	atomic_store(&output->reopens_done, request);
	eventfd_write(output->wake_fd, 1);
}

/* Open the path again.  Between two lines w may be NULL. */
static bool
reopen(struct output *output, struct writing *w, enum reason reason)
{
	const bool is_requested = reason == REASON_REQUEST;
	unsigned requested = atomic_load(&output->reopens_requested);
	const char *path = output->sink->path, *name = output->sink->name;
	bool is_other = false;
	bool is_open = output->ops->reopen(output->sink, &is_other);

	if (strstr(name, path))
		path = ""; /* once is enough */
	if (!is_open && (is_requested || !output->sink->reopen_failed))
		diag(LOG_ERR,
		     "output %s: cannot reopen, keeping the old: %s%s%s", name,
		     path, *path ? ": " : "", strerror(errno));
	else if (is_open && is_requested)
		diag(LOG_INFO, "output %s: reopened", name);
	else if (is_other && reason == REASON_LOOK)
		diag(LOG_WARNING,
		     "output %s: reopened: its path led to another file or to "
		     "none",
		     name);
	output->sink->reopen_failed = !is_open;
	atomic_store(&output->counters.is_replaced, !is_open);
	atomic_fetch_add(&output->counters.rotations, is_other);
	doubt_closed(output, output->sink);
	if (is_other && w)
		begin_line_again(output, w);
	if (is_requested)
		finish_request(output, requested);
	return is_open;
}

/* Whether only a new descriptor can help. */
static bool
is_for_good(int error)
{
	return error == EIO || error == ESTALE || error == ENODEV ||
	       error == ENXIO || error == ENOTCONN;
}

static void
tell_that_it_was_emptied(const struct output *output)
{
	diag(LOG_WARNING,
	     "output %s: another process has emptied the file: what it did not "
	     "copy before is missing",
	     output->sink->name);
}

/* The path leads elsewhere.  false: there is no file to write to. */
static bool
follow_path(struct output *output, struct writing *w)
{
	int error;

	if (reopen(output, w, REASON_LOOK))
		return true;
	error = errno;
	if (output->ops->look(output->sink) != SINK_REMOVED)
		return true;
	retry_wait(output, error);
	return false;
}

/*
 * Look at the file before a write: when a while has passed, in the middle of a
 * line, and after an error.  false: there is no file to write to.
 */
static bool
look_before(struct output *output, struct writing *w)
{
	bool in_line = is_in_line(output, w);
	bool is_stalled = output->counters.stalled_since_ms != 0;
	long long now_ms = atomic_load(&output->counters.busy_since_ms);

	if (!in_line && !is_stalled && now_ms < output->sink->look_at_ms)
		return true;
	output->sink->look_at_ms = now_ms + LOOK_MS;
	/* A line that has begun is ended first, if it can be. */
	if ((!in_line || is_stalled) && output->ops->is_elsewhere &&
	    output->ops->is_elsewhere(output->sink))
		return follow_path(output, w);
	if (output->ops->look(output->sink) == SINK_EMPTIED) {
		tell_that_it_was_emptied(output);
		begin_line_again(output, w);
	}
	return true;
}

/* Whether max_size holds for the file, and can be kept to. */
static bool
is_limited(const struct output *output)
{
	return output->config->max_size > 0 && output->ops->rotate &&
	       output->sink->type == S_IFREG &&
	       atomic_load(&output->counters.busy_since_ms) >=
		       output->sink->rotate_at_ms;
}

/*
 * How many of the bytes that are left are for this file: as many lines as it
 * has room for, but one in any case.  Raw has no lines.
 */
static size_t
fitting(const struct output *output, const struct writing *w)
{
	const char *data = w->data + w->done, *newline = NULL;
	size_t left = w->size - w->done;
	off_t room = (off_t)output->config->max_size - output->sink->end;

	if (!is_limited(output) || output->config->format == FORMAT_RAW ||
	    (off_t)left <= room)
		return left;
	if (room > 0)
		newline = memrchr(data, '\n', (size_t)room);
	if (!newline)
		newline = memchr(data, '\n', left);
	return newline ? (size_t)(newline - data) + 1 : left;
}

/* Whether the next line may be in this file; its first one always may. */
static bool
has_room(const struct output *output, const struct writing *w)
{
	return !is_limited(output) || output->sink->end == 0 ||
	       is_in_line(output, w) ||
	       output->sink->end + (off_t)fitting(output, w) <=
		       (off_t)output->config->max_size;
}

/* The file is full.  false: there is no file to write to. */
static bool
begin_next_file(struct output *output, struct writing *w)
{
	const char *name = output->sink->name;
	bool is_removed;

	/* Its path may lead to a file that is not full. */
	if (output->ops->is_elsewhere(output->sink))
		return follow_path(output, w);
	if (output->ops->rotate(output->sink, &is_removed)) {
		reopen(output, w, REASON_SIZE);
	} else {
		diag_limited(&output->rotate_failed, LOG_ERR,
			     "output %s: cannot rotate the file, which is "
			     "full, and continue in it: %s",
			     name, strerror(errno));
		output->sink->rotate_at_ms = clock_now_ms() + ROTATE_MS;
	}
	if (is_removed)
		diag_limited(&output->removed, LOG_WARNING,
			     "output %s: its oldest file, %s.%u, was removed",
			     name, output->sink->path, output->config->keep);
	return true;
}

bool
line_writer_is_reopened(const struct output *output)
{
	return atomic_load(&output->reopens_requested) ==
	       atomic_load(&output->reopens_done);
}

/* false: the write would take what is to stay free. */
static bool
leaves_free(struct output *output, const struct writing *w)
{
	char why[FREE_SPACE_REASON];

	if (free_space_allows(output->sink, fitting(output, w),
			      atomic_load(&output->counters.busy_since_ms),
			      why))
		return true;
	retry_wait_for(output, "keep_free", why);
	return false;
}

/* Do what the file needs before a write.  false: call again. */
static bool
prepare_file(struct output *output, struct writing *w)
{
	if (!line_writer_is_reopened(output) &&
	    (!is_in_line(output, w) || output->counters.stalled_since_ms != 0))
		reopen(output, w, REASON_REQUEST);
	return look_before(output, w) &&
	       (has_room(output, w) || begin_next_file(output, w)) &&
	       leaves_free(output, w);
}

static void
handle_error(struct output *output, struct writing *w, int error)
{
	if (error == EINTR)
		return;
	if (output->ops->is_gone && output->ops->is_gone(output->sink, error)) {
		retry_give_up(output, error);
		return;
	}
	retry_wait(output, error);
	if (output->ops->reopen && is_for_good(error))
		reopen(output, w, REASON_LOOK);
}

static void
write_once(struct output *output, struct writing *w)
{
	const char *data = w->data + w->done;
	ssize_t written;

	written = output->ops->write(output->sink, data, fitting(output, w));
	if (written < 0) {
		handle_error(output, w, errno);
		return;
	}
	w->done += (size_t)written;
	atomic_fetch_add(&output->counters.bytes, (size_t)written);
	if (w->done == w->size)
		count_written(output, w, w->lines);
	else if (output->config->format != FORMAT_RAW)
		count_written(output, w,
			      w->counted + bytes_count_newlines(
						   data, (size_t)written));
	retry_end(output);
}

/* What a file without a name got, nobody can read: write it again. */
static void
take_back(struct output *output, struct writing *w)
{
	w->done = w->file_begin;
	count_written(output, w,
		      output->config->format == FORMAT_RAW
			      ? 0
			      : bytes_count_newlines(w->data, w->done));
	output->sink->look_at_ms = 0;
}

/* Look at the file after all is written: some may have to be again. */
static void
look_after(struct output *output, struct writing *w)
{
	switch (output->ops->look(output->sink)) {
	case SINK_SAME:
		break;
	case SINK_EMPTIED:
		tell_that_it_was_emptied(output);
		break;
	case SINK_REMOVED:
		take_back(output, w);
		break;
	}
}

void
line_writer_write(struct output *output, const char *data, size_t size,
		  size_t lines)
{
	struct writing w = { .data = data, .size = size, .lines = lines };

	if (size == 0)
		count_written(output, &w, lines);
	while (w.done < size && !atomic_load(&output->broken)) {
		retry_stop_if_abandoned(output);
		if (prepare_file(output, &w))
			write_once(output, &w);
		if (w.done == size)
			look_after(output, &w);
	}
}

/* One of many files is opened once there is a line for it. */
static void
reopen_as_requested(struct output *output)
{
	unsigned requested = atomic_load(&output->reopens_requested);

	if (!output->files) {
		reopen(output, NULL, REASON_REQUEST);
		return;
	}
	output->sink = NULL;
	finish_request(output, requested);
	diag(LOG_INFO, "output %s: reopened", output->config->name);
}

/* Loop: a request that comes while we hold the lock is left to us. */
void
line_writer_reopen(struct output *output)
{
	while (!line_writer_is_reopened(output) &&
	       pthread_mutex_trylock(&output->lock) == 0) {
		if (!line_writer_is_reopened(output))
			reopen_as_requested(output);
		pthread_mutex_unlock(&output->lock);
	}
}
