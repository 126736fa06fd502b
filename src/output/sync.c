/* SPDX-License-Identifier: MIT */
#include "output/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/memory.h"
#include "base/thread.h"
#include "config/options.h"
#include "output/commit.h"
#include "output/doubt.h"
#include "output/files.h"
#include "output/line_writer.h"

#define RETRY_MS 1000

struct sync {
	void (*note)(struct output *, struct sink *);
	pthread_t thread; /* of the interval */
	int stop_fd;      /* an eventfd that ends it; -1: there is none */
	/*
	 * For the file whose sync goes on, so that others can close theirs; it
	 * is there when no more can be opened.  Else an eventfd.
	 */
	int fd;
};

/* One file as it was when its sync began. */
struct file_sync {
	bool has_fd;
	off_t end, unsynced;
	dev_t device;
	ino_t inode;
};

static struct sink *
sink_at(struct output *output, size_t number)
{
	if (output->files)
		return files_sink(output->files, number);
	return number == 0 ? &output->only : NULL;
}

/* false: errno, as where the limit is now below its number. */
static bool
set_fd(struct output *output, int fd)
{
	int result;

	do
		result = dup3(fd, output->sync->fd, O_CLOEXEC);
	while (result < 0 && (errno == EBUSY || errno == EINTR));
	return result >= 0;
}

static void
unlock(struct output *output)
{
	pthread_mutex_unlock(&output->lock);
	line_writer_reopen(output);
}

/* false: there is nothing to sync. */
static bool
begin(struct output *output, const struct sink *sink, struct file_sync *sync)
{
	bool is_dirty;

	pthread_mutex_lock(&output->lock);
	is_dirty = sink->fd >= 0 && sink->end != sink->synced;
	if (is_dirty)
		*sync = (struct file_sync){
			.has_fd = set_fd(output, sink->fd),
			.end = sink->end,
			.unsynced = sink_unsynced(sink),
			.device = sink->device,
			.inode = sink->inode,
		};
	unlock(output);
	return is_dirty;
}

/* Whether the sink has that file still.  The lock is held. */
static bool
is_open(const struct sink *sink, const struct file_sync *sync)
{
	return sink->fd >= 0 && sink->device == sync->device &&
	       sink->inode == sync->inode;
}

static void
succeed(struct output *output, struct sink *sink, const struct file_sync *sync)
{
	pthread_mutex_lock(&output->lock);
	if (is_open(sink, sync))
		sink->synced = sync->end;
	unlock(output);
}

/* More may have been written to it while the sync went on: that failed too. */
static void
fail(struct output *output, struct sink *sink, const struct file_sync *sync,
     int error)
{
	off_t bytes = sync->unsynced;

	pthread_mutex_lock(&output->lock);
	if (is_open(sink, sync)) {
		bytes = sink_unsynced(sink);
		sink->synced = sink->end;
		sink->doubtful += bytes;
	} else {
		output->doubtful += bytes;
	}
	doubt_count(output);
	unlock(output);
	atomic_fetch_add(&output->counters.errors, 1);
	diag(LOG_ERR,
	     "output %s: cannot sync: %s: %lld bytes are in doubt; trying "
	     "again every second",
	     sink->name, strerror(error), (long long)bytes);
	output->sync->note(output, sink);
}

/* false: it is in doubt. */
static bool
sync_file(struct output *output, struct sink *sink)
{
	struct file_sync sync;
	bool is_synced;
	int error;

	if (!begin(output, sink, &sync))
		return true;
	is_synced = sync.has_fd && fdatasync(output->sync->fd) == 0;
	error = errno;
	set_fd(output, output->wake_fd);
	if (is_synced)
		succeed(output, sink, &sync);
	else
		fail(output, sink, &sync, error);
	return is_synced;
}

/* Returns the output's doubts when all are synced. */
static unsigned
sync_all(void *context)
{
	struct output *output = context;
	struct sink *sink;
	bool all = true;
	unsigned doubts;

	for (size_t i = 0; (sink = sink_at(output, i)); i++)
		all &= sync_file(output, sink);
	doubts = atomic_load(&output->doubts);
	if (!all)
		clock_sleep_ms(RETRY_MS);
	while (atomic_load(&output->abandoned))
		pause(); /* nobody may take it for done */
	return doubts;
}

static void *
sync_main(void *argument)
{
	struct output *output = argument;
	struct pollfd stop = { .fd = output->sync->stop_fd, .events = POLLIN };
	int interval_ms = (int)output->config->sync_interval_ms;

	thread_name("sync", output->config->name);
	while (poll(&stop, 1, interval_ms) == 0)
		sync_wait(output);
	return NULL;
}

/* What a file system in memory calls synced is gone with the power. */
static void
warn_of_memory(const struct output *output)
{
	struct statfs system;

	if (output->files || fstatfs(output->sink->fd, &system) != 0 ||
	    (system.f_type != TMPFS_MAGIC && system.f_type != RAMFS_MAGIC))
		return;
	diag(LOG_WARNING,
	     "output %s: sync = \"%s\", but its file system is in memory: a "
	     "power cut takes it",
	     output->config->name, config_output_syncs[output->config->sync]);
}

bool
sync_open(struct output *output, void (*note)(struct output *, struct sink *))
{
	const char *name = output->config->name;

	if (!output->files && output->sink->type != S_IFREG) {
		diag(LOG_ERR,
		     "cannot open output %s: sync = \"%s\", and it is no file "
		     "on a disk",
		     name, config_output_syncs[output->config->sync]);
		return false;
	}
	warn_of_memory(output);
	output->sync = memory_zeroed(1, sizeof *output->sync);
	output->sync->note = note;
	output->sync->stop_fd = -1;
	output->sync->fd = fcntl(output->wake_fd, F_DUPFD_CLOEXEC, 0);
	if (output->sync->fd < 0) {
		diag(LOG_ERR, "cannot open output %s: %s", name,
		     strerror(errno));
		return false;
	}
	commit_init(&output->commit, sync_all, output);
	return true;
}

bool
sync_start(struct output *output)
{
	struct sync *sync = output->sync;

	if (output->config->sync != SYNC_RECEIPT ||
	    output->config->sync_interval_ms == 0)
		return true;
	sync->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (sync->stop_fd >= 0) {
		errno = thread_start(&sync->thread, sync_main, output);
		if (errno == 0)
			return true;
		close(sync->stop_fd);
		sync->stop_fd = -1;
	}
	diag(LOG_ERR, "output %s: cannot start its thread: %s",
	     output->config->name, strerror(errno));
	return false;
}

void
sync_close(struct output *output)
{
	struct sync *sync = output->sync;

	if (!sync)
		return;
	if (sync->stop_fd >= 0) {
		eventfd_write(sync->stop_fd, 1);
		pthread_join(sync->thread, NULL);
		close(sync->stop_fd);
	}
	if (sync->fd >= 0)
		close(sync->fd);
	free(sync);
	output->sync = NULL;
}

unsigned
sync_wait(struct output *output)
{
	return commit_wait(&output->commit);
}

bool
sync_is_waiting(struct output *output)
{
	return output->sync && commit_waiting(&output->commit) > 0;
}

off_t
sync_unsynced(struct output *output)
{
	struct sink *sink;
	off_t sum = 0;

	for (size_t i = 0; output->sync && (sink = sink_at(output, i)); i++)
		sum += sink->fd < 0 ? 0 : sink_unsynced(sink);
	return sum;
}
