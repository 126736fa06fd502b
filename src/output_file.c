/* SPDX-License-Identifier: MIT */
/* Streams: stdout, and files that are appended to. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format.h"
#include "output_sink.h"

static bool
open_stdout(struct sink *sink)
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL);

	sink->fd = STDOUT_FILENO;
	errno = EBADF;
	return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

/* A new file gets the mode that was asked for, whatever the umask is. */
static int
open_or_create(const char *path, mode_t mode)
{
	const int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY;
	int fd = open(path, flags | O_CREAT | O_EXCL, mode);

	if (fd >= 0) {
		fchmod(fd, mode);
		return fd;
	}
	/* A FIFO that nobody reads is to fail, not to block. */
	fd = open(path, flags | O_CREAT | O_NONBLOCK, mode);
	if (fd >= 0)
		fcntl(fd, F_SETFL, O_APPEND);
	return fd;
}

/* A run that was killed may have left half a line: do not write on in it. */
static bool
end_torn_line(int fd, const char *path)
{
	struct stat status;
	char last = '\n';
	int reader;

	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) ||
	    status.st_size == 0)
		return true;
	reader = open(path, O_RDONLY | O_CLOEXEC);
	if (reader < 0)
		return true; /* ours to write, not to read */
	if (pread(reader, &last, 1, status.st_size - 1) != 1)
		last = '\n';
	close(reader);
	return last == '\n' || write(fd, "\n", 1) == 1;
}

static bool
open_file(struct sink *sink)
{
	const struct output_config *config = sink->config;
	int fd = open_or_create(config->path, (mode_t)config->mode);

	if (fd < 0)
		return false;
	/* On a full disk the line ends later: not a reason to stay away. */
	if (config->format != FORMAT_RAW)
		sink->torn = !end_torn_line(fd, config->path);
	sink->fd = fd;
	return true;
}

static bool
reopen_file(struct sink *sink)
{
	int old = sink->fd;

	if (!open_file(sink))
		return false;
	close(old);
	return true;
}

static ssize_t
write_stream(struct sink *sink, const char *data, size_t size)
{
	struct pollfd writable = { .fd = sink->fd, .events = POLLOUT };
	ssize_t written;

	if (sink->torn && write(sink->fd, "\n", 1) != 1)
		return -1;
	sink->torn = false;
	written = write(sink->fd, data, size);
	if (written >= 0 || errno != EAGAIN)
		return written;
	/* Somebody else made our stdout non-blocking: wait as if it were not.
	 */
	poll(&writable, 1, -1);
	return 0;
}

static void
close_file(struct sink *sink)
{
	close(sink->fd);
}

static void
close_stdout(struct sink *sink)
{
	(void)sink; /* it was open before us and is not ours to close */
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
