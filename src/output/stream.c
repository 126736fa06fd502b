/* SPDX-License-Identifier: MIT */
#include "output/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/journal_stream.h"

/* The journal cuts lines of 48 KiB (LineMax=), container runtimes of 16. */
#define JOURNAL_MAX_LINE 48000
#define PIPE_MAX_LINE 16000

void
stream_identify(struct sink *sink)
{
	struct stat status;

	sink->type = 0;
	sink->unlooked = 0;
	if (fstat(sink->fd, &status) != 0)
		return;
	sink->type = status.st_mode & S_IFMT;
	sink->device = status.st_dev;
	sink->inode = status.st_ino;
	sink->end = sink->synced = status.st_size;
}

/*
 * A reader of our stream cuts what is longer than it takes, and a new line of
 * its own begins with bytes of a peer.  A file or a device has no such reader.
 */
void
stream_set_max_line(struct sink *sink)
{
	sink->max_line = sink->config->max_line;
	if (sink->max_line != MAX_LINE_UNSET)
		return;
	sink->max_line = 0;
	if (journal_stream_is(sink->fd))
		sink->max_line = JOURNAL_MAX_LINE;
	else if (sink->type != S_IFREG && sink->type != S_IFCHR)
		sink->max_line = PIPE_MAX_LINE;
}

/* The last byte of the file; a newline if it is empty or cannot be read. */
static char
last_byte(const struct sink *sink)
{
	char path[32], last = '\n';
	int reader;

	if (sink->type != S_IFREG || sink->end == 0)
		return last;
	/* Our descriptor is only for writing. */
	snprintf(path, sizeof path, "/proc/self/fd/%d", sink->fd);
	reader = open(path, O_RDONLY | O_CLOEXEC);
	if (reader < 0)
		return last;
	if (pread(reader, &last, 1, sink->end - 1) != 1)
		last = '\n';
	close(reader);
	return last;
}

/* false: errno. */
static bool
end_line(struct sink *sink)
{
	if (write(sink->fd, "\n", 1) != 1)
		return false;
	sink->end++;
	return true;
}

/* On a full disk, end the line with the first write. */
void
stream_end_last_line(struct sink *sink)
{
	sink->ends_mid_line = sink->config->format != FORMAT_RAW &&
			      last_byte(sink) != '\n' && !end_line(sink);
}

void
stream_lock(struct sink *sink)
{
	if (sink->type == S_IFREG && flock(sink->fd, LOCK_EX | LOCK_NB) != 0 &&
	    errno == EWOULDBLOCK)
		diag(LOG_WARNING,
		     "output %s: another process or output has locked the "
		     "file: if both write to it, their lines may mix",
		     sink->name);
}

/* MSG_DONTWAIT: O_NONBLOCK would affect all processes with this socket. */
static ssize_t
write_once(const struct sink *sink, const char *data, size_t size)
{
	if (sink->max_write > 0 && size > sink->max_write)
		size = sink->max_write;
	return sink->type == S_IFSOCK ? send(sink->fd, data, size, MSG_DONTWAIT)
				      : write(sink->fd, data, size);
}

ssize_t
stream_write(struct sink *sink, const char *data, size_t size)
{
	struct pollfd writable = { .fd = sink->fd, .events = POLLOUT };
	ssize_t written;

	if (sink->ends_mid_line && !end_line(sink))
		return -1;
	sink->ends_mid_line = false;
	written = write_once(sink, data, size);
	if (written > 0)
		sink->end += written;
	if (written >= 0 || errno != EAGAIN)
		return written;
	/* The pipe is full, or another process made stdout non-blocking. */
	poll(&writable, 1, -1);
	return 0;
}

/* Without AT_STATX_DONT_SYNC, NFS would first write all out. */
enum sink_file
stream_look(struct sink *sink)
{
	struct statx now;
	off_t end = sink->end;

	if (sink->type != S_IFREG ||
	    statx(sink->fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
		  STATX_NLINK | STATX_SIZE, &now) != 0)
		return SINK_SAME;
	sink->end = (off_t)now.stx_size;
	if (now.stx_nlink == 0)
		return SINK_REMOVED;
	return sink->end < end ? SINK_EMPTIED : SINK_SAME;
}

bool
stream_has_hung_up(const struct sink *sink)
{
	struct pollfd terminal = { .fd = sink->fd };

	return sink->type == S_IFCHR && poll(&terminal, 1, 0) == 1 &&
	       terminal.revents & POLLHUP;
}
