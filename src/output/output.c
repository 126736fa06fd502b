/* SPDX-License-Identifier: MIT */
#include "output/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/diag.h"
#include "record/format.h"

#define RETRY_MS 1000

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

bool
output_open(struct output *output, const struct output_config *config,
	    int wake_fd, int broken_fd)
{
	const char *path;

	pthread_mutex_init(&output->queue, NULL);
	pthread_mutex_init(&output->lock, NULL);
	output->config = config;
	output->wake_fd = wake_fd;
	output->broken_fd = broken_fd;
	output->ops = ops_by_type[config->type];
	output->sink.config = config;
	if (output->ops->open(&output->sink))
		return true;
	path = path_of(output);
	diag(LOG_ERR, "cannot open output %s%s%s: %s", config->name,
	     *path ? ": " : "", path,
	     errno == ENOSYS ? "built without libsystemd" : strerror(errno));
	return false;
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

static void
reopen(struct output *output)
{
	unsigned requested = atomic_load(&output->reopens_requested);
	const char *path = path_of(output);

	if (output->ops->reopen(&output->sink))
		diag(LOG_INFO, "output %s: reopened", output->config->name);
	else
		diag(LOG_ERR,
		     "output %s: cannot reopen, keeping the old: %s%s%s",
		     output->config->name, path, *path ? ": " : "",
		     strerror(errno));
	atomic_store(&output->reopens_done, requested);
	eventfd_write(output->wake_fd, 1);
}

bool
output_is_reopened(const struct output *output)
{
	return atomic_load(&output->reopens_requested) ==
	       atomic_load(&output->reopens_done);
}

/* Loop: a request that comes while we hold the lock is left to us. */
void
output_reopen(struct output *output)
{
	while (!output_is_reopened(output) &&
	       pthread_mutex_trylock(&output->lock) == 0) {
		if (!output_is_reopened(output))
			reopen(output);
		pthread_mutex_unlock(&output->lock);
	}
}

/* Call with the lock held.  Does not return if the output is abandoned. */
static void
stop_if_abandoned(struct output *output)
{
	if (!atomic_load(&output->abandoned))
		return;
	pthread_mutex_unlock(&output->lock);
	for (;;)
		pause();
}

static void
wait_to_retry(struct output *output, int error)
{
	if (output->stalled_since_ms == 0) {
		output->stalled_since_ms = clock_now_ms();
		atomic_fetch_add(&output->counters.errors, 1);
		diag(LOG_ERR,
		     "output %s: stalled reason=%s: %s; trying again "
		     "every second",
		     output->config->name, strerrorname_np(error),
		     strerror(error));
	}
	clock_sleep_ms(RETRY_MS);
	stop_if_abandoned(output);
}

/* Call after each write that succeeded. */
static void
end_stall(struct output *output)
{
	long long stall_ms;

	if (output->stalled_since_ms == 0)
		return;
	stall_ms = clock_now_ms() - output->stalled_since_ms;
	output->stalled_since_ms = 0;
	output->unnoted_stall_ms += stall_ms;
	diag(LOG_WARNING, "output %s: resumed seconds=%lld.%03lld",
	     output->config->name, stall_ms / 1000, stall_ms % 1000);
}

/* The reader of stdout is gone, and no other can come: do not retry. */
static void
mark_broken(struct output *output)
{
	diag(LOG_ERR, "output %s: %s", output->config->name, strerror(EPIPE));
	atomic_store(&output->broken, true);
	eventfd_write(output->broken_fd, 1);
}

/* Whether a new file may begin after the first done bytes. */
static bool
is_between_lines(const struct output *output, const char *data, size_t done)
{
	return done == 0 ||
	       (data[done - 1] == '\n' && output->config->format != FORMAT_RAW);
}

static void
count_written(struct output *output, size_t count)
{
	atomic_fetch_add(&output->counters.records, count);
	atomic_fetch_sub(&output->counters.waiting, count);
}

/*
 * After a short write, count the records that were written whole, so that the
 * number of waiting records is exact during a stall.  Returns how many these
 * are.  In the raw format a newline may be data, so count none.
 */
static size_t
count_short_write(struct output *output, const char *data, size_t size)
{
	size_t count;

	if (output->config->format == FORMAT_RAW)
		return 0;
	count = bytes_count_newlines(data, size);
	count_written(output, count);
	return count;
}

/* Write data, which holds count lines. */
static void
write_all(struct output *output, const char *data, size_t size, size_t count)
{
	size_t done = 0;

	while (done < size && !atomic_load(&output->broken)) {
		ssize_t written;

		stop_if_abandoned(output);
		if (!output_is_reopened(output) &&
		    is_between_lines(output, data, done))
			reopen(output);
		written = output->ops->write(&output->sink, data + done,
					     size - done);
		if (written >= 0) {
			done += (size_t)written;
			if (done < size)
				count -= count_short_write(
					output, data + done - written,
					(size_t)written);
			end_stall(output);
		} else if (errno == EPIPE &&
			   output->config->type == OUTPUT_STDOUT) {
			mark_broken(output);
		} else if (errno != EINTR) {
			wait_to_retry(output, errno);
		}
	}
	atomic_fetch_add(&output->counters.bytes, done);
	if (done == size)
		count_written(output, count);
}

static void
send_all(struct output *output, const struct record *records, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		stop_if_abandoned(output);
		while (!output->ops->send(&output->sink, &records[i]))
			if (errno != EINTR)
				wait_to_retry(output, errno);
		end_stall(output);
		atomic_fetch_add(&output->counters.bytes, records[i].size);
		count_written(output, 1);
	}
}

/* Note the length of a stall, after the records that it held up. */
static void
note_stall(struct output *output)
{
	static const struct origin origin = { .listener = "-",
					      .peer = "-",
					      .protocol = PROTOCOL_NONE };
	char text[64], line[FORMAT_BOUND(sizeof text)];
	struct record note = { .origin = &origin,
			       .data = (unsigned char *)text,
			       .tag = TAG_NOTE };
	struct rendering rendering = { .format = output->config->format };
	size_t size;

	while (output->unnoted_stall_ms > 0 && !atomic_load(&output->broken)) {
		clock_gettime(CLOCK_REALTIME, &note.time);
		note.size = (size_t)snprintf(text, sizeof text,
					     "resumed seconds=%lld.%03lld",
					     output->unnoted_stall_ms / 1000,
					     output->unnoted_stall_ms % 1000);
		output->unnoted_stall_ms = 0;
		output_add_waiting(output, 1);
		if (output->ops->send) {
			send_all(output, &note, 1);
			continue;
		}
		rendering.records = &note;
		rendering.count = 1;
		format_lines(&rendering, line, sizeof line, &size);
		write_all(output, line, size, 1);
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

void
output_emit(struct output *output, const char *data, size_t size,
	    const struct record *records, size_t count)
{
	lock_in_turn(output);
	output_counters_begin_write(&output->counters);
	if (output->ops->send)
		send_all(output, records, count);
	else
		write_all(output, data, size, count);
	note_stall(output);
	output_counters_end_write(&output->counters);
	pthread_mutex_unlock(&output->lock);
	output_reopen(output);
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
	output->ops->close(&output->sink);
	pthread_mutex_destroy(&output->lock);
	pthread_mutex_destroy(&output->queue);
	return !output->sink.close_failed;
}
