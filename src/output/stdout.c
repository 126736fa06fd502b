/* SPDX-License-Identifier: MIT */
/* The sink of stdout, whatever it leads to. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/journal_stream.h"
#include "output/sink.h"
#include "output/stream.h"

/*
 * While write(2) blocks on a pipe, it is unknown how many bytes the pipe has
 * taken.  O_NONBLOCK on stdout itself would affect all processes that share
 * it, so open the pipe a second time.  The pipe of another user cannot be
 * opened: write at most PIPE_BUF bytes, which it takes whole or not at all.
 */
static void
avoid_partial_writes(struct sink *sink)
{
	int fd = -1;

	if (sink->type == S_IFIFO)
		fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0)
		sink->fd = fd;
	else if (sink->type != S_IFSOCK)
		sink->max_write = PIPE_BUF;
}

/*
 * Without O_APPEND, a file that is emptied in place would begin with a hole as
 * long as the old log.  All who share stdout get it: they must append too.
 */
static void
append_to_file(struct sink *sink, int flags)
{
	fcntl(sink->fd, F_SETFL, flags | O_APPEND);
	stream_end_last_line(sink);
	stream_lock(sink);
}

/* A socket cannot be opened by its path, and a pipe is no file that waits. */
bool
sink_leads_to_stdout(const char *path)
{
	struct stat ours, its;

	return fstat(STDOUT_FILENO, &ours) == 0 && !S_ISREG(ours.st_mode) &&
	       stat(path, &its) == 0 && its.st_dev == ours.st_dev &&
	       its.st_ino == ours.st_ino;
}

static bool
open_stdout(struct sink *sink)
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL);

	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) {
		errno = EBADF;
		return false;
	}
	sink->fd = STDOUT_FILENO;
	stream_identify(sink);
	stream_set_max_line(sink);
	if (sink->config->format == FORMAT_RAW && journal_stream_is(sink->fd))
		diag(LOG_WARNING,
		     "output %s: with format \"raw\" what a peer sends looks "
		     "like a message of ours in the journal",
		     sink->config->name);
	if (sink->type == S_IFREG)
		append_to_file(sink, flags);
	else
		avoid_partial_writes(sink);
	return true;
}

/* stdout has no path to open again: say that nobody can read it. */
static enum sink_file
look_at_stdout(struct sink *sink)
{
	static struct diag_limit removed;
	enum sink_file found = stream_look(sink);

	if (found != SINK_REMOVED)
		return found;
	diag_limited(&removed, LOG_ERR,
		     "output %s: the file was removed: what is written to it "
		     "cannot be read",
		     sink->name);
	return SINK_SAME;
}

static bool
stdout_is_gone(const struct sink *sink, int error)
{
	return error == EPIPE || error == ECONNRESET ||
	       stream_has_hung_up(sink);
}

static void
close_stdout(struct sink *sink)
{
	/* Descriptor 1 was passed to us: leave it open. */
	if (sink->fd != STDOUT_FILENO)
		close(sink->fd);
}

const struct sink_ops sink_stdout = {
	.open = open_stdout,
	.look = look_at_stdout,
	.write = stream_write,
	.is_gone = stdout_is_gone,
	.close = close_stdout,
};
