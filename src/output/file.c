/* SPDX-License-Identifier: MIT */
/* Sinks that are streams: stdout, and files that are appended to. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/journal_stream.h"
#include "output/sink.h"
#include "record/format.h"

/*
 * While write(2) blocks on a pipe, it is unknown how many bytes the pipe has
 * taken.  O_NONBLOCK on stdout itself would affect all processes that share
 * it, so open the pipe a second time.  The pipe of another user cannot be
 * opened: write at most PIPE_BUF bytes, which it takes whole or not at all.
 */
static void
avoid_partial_writes(struct sink *sink)
{
	struct stat status;
	int fd = -1;

	if (fstat(sink->fd, &status) != 0 || S_ISREG(status.st_mode))
		return;
	sink->is_socket = S_ISSOCK(status.st_mode);
	if (S_ISFIFO(status.st_mode))
		fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0)
		sink->fd = fd;
	else if (!sink->is_socket)
		sink->max_write = PIPE_BUF;
}

/* The journal cuts lines of 48 KiB (LineMax=), container runtimes of 16. */
#define JOURNAL_MAX_LINE 48000
#define PIPE_MAX_LINE 16000

/*
 * A reader of our stream cuts what is longer than it takes, and a new line of
 * its own begins with bytes of a peer.  A file or a device has no such reader.
 */
static void
set_max_line(struct sink *sink)
{
	struct stat status;

	sink->max_line = sink->config->max_line;
	if (sink->max_line != MAX_LINE_UNSET)
		return;
	sink->max_line = 0;
	if (journal_stream_is(sink->fd))
		sink->max_line = JOURNAL_MAX_LINE;
	else if (fstat(sink->fd, &status) == 0 && !S_ISREG(status.st_mode) &&
		 !S_ISCHR(status.st_mode))
		sink->max_line = PIPE_MAX_LINE;
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
	set_max_line(sink);
	avoid_partial_writes(sink);
	return true;
}

/* A new file gets the configured mode, whatever the umask is. */
static int
open_or_create(const char *path, mode_t mode)
{
	const int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY;
	int fd = open(path, flags | O_CREAT | O_EXCL, mode);

	if (fd >= 0) {
		fchmod(fd, mode);
		return fd;
	}
	/* Without a reader, opening a FIFO must fail, not block. */
	return open(path, flags | O_CREAT | O_NONBLOCK, mode);
}

/* A process that was killed may have left half a line: begin a new one. */
static bool
end_last_line(int fd, const char *path)
{
	struct stat status;
	char last = '\n';
	int reader;

	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) ||
	    status.st_size == 0)
		return true;
	reader = open(path, O_RDONLY | O_CLOEXEC);
	if (reader < 0)
		return true; /* we may write to it, but not read it */
	if (pread(reader, &last, 1, status.st_size - 1) != 1)
		last = '\n';
	close(reader);
	return last == '\n' || write(fd, "\n", 1) == 1;
}

static bool
open_file(struct sink *sink)
{
	const struct output_config *config = sink->config;
	int fd = open_or_create(config->path, config->mode);

	if (fd < 0)
		return false;
	/* On a full disk, end the line with the first write. */
	if (config->format != FORMAT_RAW)
		sink->ends_mid_line = !end_last_line(fd, config->path);
	sink->fd = fd;
	set_max_line(sink);
	return true;
}

/* A network file system may report errors of earlier writes only here. */
static void
close_and_check(struct sink *sink, int fd)
{
	if (close(fd) == 0)
		return;
	sink->close_failed = true;
	diag(LOG_ERR,
	     "output %s: cannot close: %s; what was written last may be "
	     "missing",
	     sink->config->name, strerror(errno));
}

static bool
reopen_file(struct sink *sink)
{
	int old = sink->fd;

	if (!open_file(sink))
		return false;
	close_and_check(sink, old);
	return true;
}

/* MSG_DONTWAIT: O_NONBLOCK would affect all processes with this socket. */
static ssize_t
write_once(const struct sink *sink, const char *data, size_t size)
{
	if (sink->max_write > 0 && size > sink->max_write)
		size = sink->max_write;
	return sink->is_socket ? send(sink->fd, data, size, MSG_DONTWAIT)
			       : write(sink->fd, data, size);
}

static ssize_t
write_stream(struct sink *sink, const char *data, size_t size)
{
	struct pollfd writable = { .fd = sink->fd, .events = POLLOUT };
	ssize_t written;

	if (sink->ends_mid_line && write(sink->fd, "\n", 1) != 1)
		return -1;
	sink->ends_mid_line = false;
	written = write_once(sink, data, size);
	if (written >= 0 || errno != EAGAIN)
		return written;
	/* The pipe is full, or another process made stdout non-blocking. */
	poll(&writable, 1, -1);
	return 0;
}

static void
close_file(struct sink *sink)
{
	close_and_check(sink, sink->fd);
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
	.write = write_stream,
	.close = close_stdout,
};

const struct sink_ops sink_file = {
	.open = open_file,
	.reopen = reopen_file,
	.write = write_stream,
	.close = close_file,
};
