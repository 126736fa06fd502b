/* SPDX-License-Identifier: MIT */
#include "output/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "output/doubt.h"
#include "output/files.h"
#include "output/line_writer.h"
#include "output/open_error.h"
#include "output/retry.h"
#include "output/sync.h"
#include "record/format.h"
#include "record/path_pattern.h"

#define NOTE_SIZE 64

static const struct sink_ops *const ops_by_type[] = {
	[OUTPUT_STDOUT] = &sink_stdout,
	[OUTPUT_FILE] = &sink_file,
	[OUTPUT_SYSLOG] = &sink_syslog,
	[OUTPUT_JOURNAL] = &sink_journal,
};

/* The path for messages; "": there is none, or the name is the path. */
static const char *
path_of(const struct output *output)
{
	const struct output_config *config = output->config;
	const char *path = config->path ? config->path : output->ops->path;

	return path && strcmp(path, config->name) != 0 ? path : "";
}

static const struct sink_ops *
ops_of(const struct output_config *config)
{
	return config->path && sink_leads_to_stdout(config->path)
		     ? &sink_stdout
		     : ops_by_type[config->type];
}

/* Returns false. */
static bool
log_failure(const struct output *output)
{
	const char *path = path_of(output);
	char reason[OPEN_ERROR];

	open_error_explain(output->config, errno, reason);
	diag(LOG_ERR, "cannot open output %s%s%s: %s", output->config->name,
	     *path ? ": " : "", path, reason);
	return false;
}

/* For an output of its own, or for a try. */
static void
init(struct output *output, const struct output_config *config)
{
	output->config = config;
	output->ops = ops_of(config);
	output->sink = &output->only;
	output->only = (struct sink){
		.config = config,
		.name = config->name,
		.path = config->path,
		.fd = -1,
	};
}

/* Whether its files could be made: they are, once there is a line for them. */
static bool
open_files(struct output *output)
{
	if (!output->ops->try(output->sink))
		return false;
	output->ops->close(output->sink);
	output->sink = NULL;
	output->files = files_new(output->config);
	if (output->config->max_line != MAX_LINE_UNSET)
		output->max_line = output->config->max_line;
	return true;
}

static bool
open_sink(struct output *output)
{
	const struct output_config *config = output->config;

	if (config->path && path_pattern_is(config->path))
		return open_files(output) || log_failure(output);
	if (!output->ops->open(output->sink))
		return log_failure(output);
	output->max_line = output->sink->max_line;
	return true;
}

bool
output_try(const struct output_config *config)
{
	struct output output = { 0 };

	init(&output, config);
	if (!(output.ops->try ? output.ops->try
			      : output.ops->open)(output.sink))
		return log_failure(&output);
	output.ops->close(output.sink);
	return true;
}

bool
output_is_stream(const struct output *output)
{
	return !output->ops->send;
}

void
output_abandon(struct output *output, const struct timespec *until)
{
	atomic_store(&output->abandoned, true);
	/* Never unlocked: no other thread may write. */
	pthread_mutex_timedlock(&output->lock, until);
}

void
output_add_waiting(struct output *output, size_t count)
{
	atomic_fetch_add(&output->counters.waiting, count);
}

bool
output_is_reopened(const struct output *output)
{
	return line_writer_is_reopened(output);
}

void
output_check_reader(struct output *output)
{
	if (pthread_mutex_trylock(&output->lock) != 0)
		return; /* a write will find out */
	if (output->ops->is_gone && output->sink &&
	    output->ops->is_gone(output->sink, 0))
		retry_give_up(output, EIO);
	pthread_mutex_unlock(&output->lock);
}

void
output_reopen(struct output *output)
{
	line_writer_reopen(output);
}

static void
send_all(struct output *output, const struct record *records, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		retry_stop_if_abandoned(output);
		while (!output->ops->send(output->sink, &records[i]))
			if (errno != EINTR)
				retry_wait(output, errno);
		retry_end(output);
		atomic_fetch_add(&output->counters.bytes, records[i].size);
		atomic_fetch_add(&output->counters.records, 1);
		atomic_fetch_sub(&output->counters.waiting, 1);
	}
}

/* Write a note of the output itself. */
static void
note(struct output *output, const char *text)
{
	const struct origin origin = { .listener = "-",
				       .run = output->run,
				       .peer = "-",
				       .protocol = PROTOCOL_NONE };
	char line[FORMAT_BOUND(NOTE_SIZE)];
	struct record record = { .origin = &origin,
				 .data = (const unsigned char *)text,
				 .size = strlen(text),
				 .tag = TAG_NOTE };
	struct rendering rendering = { .format = output->config->format,
				       .records = &record,
				       .count = 1 };
	size_t size;

	clock_gettime(CLOCK_REALTIME, &record.time);
	output_add_waiting(output, 1);
	if (output->ops->send) {
		send_all(output, &record, 1);
		return;
	}
	format_lines(&rendering, line, sizeof line, &size);
	line_writer_write(output, line, size, 1);
}

/* Note the length of a stall, after the records that it held up. */
static void
note_stall(struct output *output)
{
	char text[NOTE_SIZE];

	while (output->unnoted_stall_ms > 0 && !atomic_load(&output->broken)) {
		snprintf(text, sizeof text, "resumed seconds=%lld.%03lld",
			 output->unnoted_stall_ms / 1000,
			 output->unnoted_stall_ms % 1000);
		output->unnoted_stall_ms = 0;
		note(output, text);
	}
}

/* Bytes in doubt of the file that is written to, and of those now closed. */
static long long
take_doubtful(struct output *output)
{
	long long bytes = output->doubtful;

	if (!output->sink)
		return 0;
	bytes += output->sink->doubtful;
	output->doubtful = output->sink->doubtful = 0;
	return bytes;
}

/*
 * Note what a sync has left in doubt: right behind that, before anything else
 * is written.
 */
static void
note_doubtful(struct output *output)
{
	char text[NOTE_SIZE];
	long long bytes;

	while ((bytes = take_doubtful(output)) > 0) {
		snprintf(text, sizeof text, "doubtful bytes=%lld", bytes);
		note(output, text);
	}
}

/*
 * A thread that has just unlocked a mutex can lock it again before a waiting
 * thread wakes up: one thread could keep a slow output to itself.  With a
 * second mutex, the queue, it must wait behind the thread that is next, which
 * holds the queue until it has the lock.
 */
static void
lock_in_turn(struct output *output)
{
	pthread_mutex_lock(&output->queue);
	pthread_mutex_lock(&output->lock);
	pthread_mutex_unlock(&output->queue);
}

/* Each run to its file, which has its notes of stalls too. */
static void
write_runs(struct output *output, const struct rendered *lines)
{
	size_t begin = 0;

	for (size_t i = 0; i < lines->run_count; i++) {
		const struct run *run = &lines->runs[i];
		const char *data = lines->data + begin;

		/* In raw notes have no bytes, and need no file. */
		while (run->end > begin && !files_select(output, run->record))
			retry_wait(output, errno);
		note_doubtful(output);
		line_writer_write(output, data, run->end - begin, run->lines);
		note_stall(output);
		begin = run->end;
	}
}

static void
begin_turn(struct output *output)
{
	lock_in_turn(output);
	output_counters_begin_write(&output->counters);
}

static void
begin_write(struct output *output)
{
	begin_turn(output);
	note_doubtful(output);
}

/* A rotation may have closed a file whose sync has failed. */
static void
end_write(struct output *output)
{
	note_doubtful(output);
	note_stall(output);
	output_counters_end_write(&output->counters);
	pthread_mutex_unlock(&output->lock);
	output_reopen(output);
}

/* For sync, which has found something to be noted: in that file, if it can. */
static void
write_notes(struct output *output, struct sink *sink)
{
	begin_turn(output);
	if (sink->fd >= 0)
		output->sink = sink;
	end_write(output);
}

bool
output_open(struct output *output, const struct output_config *config,
	    int wake_fd, int broken_fd)
{
	pthread_mutex_init(&output->queue, NULL);
	pthread_mutex_init(&output->lock, NULL);
	init(output, config);
	output->wake_fd = wake_fd;
	output->broken_fd = broken_fd;
	if (!open_sink(output))
		return false;
	if (config->sync == SYNC_NONE || sync_open(output, write_notes))
		return true;
	output_close(output);
	return false;
}

unsigned
output_emit(struct output *output, const struct rendered *lines)
{
	unsigned doubts;

	begin_write(output);
	doubts = atomic_load(&output->doubts);
	if (output->files)
		write_runs(output, lines);
	else
		line_writer_write(output, lines->data, lines->size,
				  lines->count);
	end_write(output);
	return doubts;
}

void
output_send(struct output *output, const struct record *records, size_t count)
{
	begin_write(output);
	send_all(output, records, count);
	end_write(output);
}

bool
output_start(struct output *output, const char *run, atomic_uint *all_doubts)
{
	output->run = run;
	output->all_doubts = all_doubts;
	return !output->sync || sync_start(output);
}

unsigned
output_settle(struct output *output)
{
	return output->sync ? sync_wait(output) : 0;
}

bool
output_is_settling(struct output *output)
{
	return sync_is_waiting(output);
}

void
output_request_reopen(struct output *output)
{
	if (output->ops->reopen)
		atomic_fetch_add(&output->reopens_requested, 1);
}

bool
output_close(struct output *output)
{
	bool is_closed;

	sync_close(output);
	if (output->files) {
		is_closed = files_free(output);
	} else {
		output->ops->close(output->sink);
		doubt_closed(output, output->sink);
		is_closed = !output->sink->close_failed;
	}
	if (output->config->sync != SYNC_NONE)
		commit_destroy(&output->commit);
	pthread_mutex_destroy(&output->lock);
	pthread_mutex_destroy(&output->queue);
	return is_closed;
}
