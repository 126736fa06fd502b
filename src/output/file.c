/* SPDX-License-Identifier: MIT */
/* The sink of a file that is appended to, by its path. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/diag.h"
#include "output/directories.h"
#include "output/rotate.h"
#include "output/sink.h"
#include "output/stream.h"
#include "record/path_pattern.h"

#define FLAGS (O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY)

/* Without a reader, opening a FIFO must fail, not block. */
#define FLAGS_OF_OLD (FLAGS | O_NONBLOCK)

/* Only what a pattern adds to a directory that is there. */
static bool
make_directories(const struct sink *sink)
{
	char directory[PATH_MAX];
	size_t fixed = path_pattern_directory(sink->config->path, directory);

	return directories_make(sink->path, fixed, sink->config->mode);
}

/* A new file gets the configured mode, whatever the umask is. */
static int
open_or_create(const struct sink *sink)
{
	const mode_t mode = sink->config->mode;
	int fd = open(sink->path, FLAGS | O_CREAT | O_EXCL, mode);

	if (fd < 0 && errno == ENOENT && path_pattern_is(sink->config->path)) {
		if (!make_directories(sink))
			return -1;
		fd = open(sink->path, FLAGS | O_CREAT | O_EXCL, mode);
	}
	if (fd >= 0) {
		fchmod(fd, mode);
		return fd;
	}
	return open(sink->path, FLAGS_OF_OLD | O_CREAT, mode);
}

/*
 * Create a file without a name in the directory of path.  With the name, a
 * daemon might open it too, to write records, before it is removed.  Where the
 * file system has no such files, ask for the permission alone.
 */
static int
create_nameless(const char *path, mode_t mode)
{
	char directory[PATH_MAX];
	int fd;

	path_pattern_directory(path, directory);
	fd = open(directory, O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
	if (fd < 0 && errno == EOPNOTSUPP &&
	    faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) == 0)
		fd = open(directory, O_PATH | O_CLOEXEC);
	return fd;
}

static bool
try_file(struct sink *sink)
{
	const struct output_config *config = sink->config;

	/* Which files a pattern leads to, nobody knows yet. */
	errno = ENOENT;
	if (!path_pattern_is(config->path))
		sink->fd = open(config->path, FLAGS_OF_OLD);
	if (sink->fd < 0 && errno == ENOENT)
		sink->fd = create_nameless(config->path, config->mode);
	return sink->fd >= 0;
}

/*
 * A file whose name is not on the disk is not there after a power cut.  false:
 * errno.
 */
static bool
sync_directory(const struct sink *sink)
{
	char directory[PATH_MAX];
	bool is_synced;
	int fd;

	snprintf(directory, sizeof directory, "%s", sink->path);
	fd = open(dirname(directory), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	is_synced = fd >= 0 && fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	return is_synced;
}

/* What a process that was killed has left there too.  false: errno. */
static bool
sync_opened(const struct sink *sink, int fd)
{
	return sink->config->sync == SYNC_NONE ||
	       ((fsync(fd) == 0 || errno == EINVAL) && sync_directory(sink));
}

/* -1: errno. */
static int
open_durably(const struct sink *sink)
{
	int fd = open_or_create(sink), error;

	if (fd < 0 || sync_opened(sink, fd))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static bool
open_file(struct sink *sink)
{
	sink->fd = open_durably(sink);
	if (sink->fd < 0)
		return false;
	stream_identify(sink);
	stream_set_max_line(sink);
	stream_end_last_line(sink);
	stream_lock(sink);
	return true;
}

/*
 * Before the last descriptor goes: a good close(2) proves nothing.  old is the
 * sink as it was with this file.
 */
static void
sync_before_close(struct sink *sink, const struct sink *old)
{
	if (sink->config->sync == SYNC_NONE || old->end == old->synced ||
	    fdatasync(old->fd) == 0)
		return;
	sink->close_failed = true;
	sink->doubtful += sink_unsynced(old);
	diag(LOG_ERR,
	     "output %s: cannot sync: %s: %lld bytes of the file that is "
	     "closed are in doubt",
	     sink->name, strerror(errno), (long long)sink_unsynced(old));
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
	     sink->name, strerror(errno));
}

static bool
reopen_file(struct sink *sink, bool *is_other)
{
	const struct sink old = *sink;
	int fd = open_durably(sink);

	if (fd < 0)
		return false;
	sink->fd = fd;
	stream_identify(sink);
	*is_other = sink->device != old.device || sink->inode != old.inode;
	/* We may be in the middle of a line of the same file. */
	if (*is_other)
		stream_end_last_line(sink);
	else
		sink->end = old.end;
	sync_before_close(sink, &old);
	close_and_check(sink, old.fd);
	stream_lock(sink);
	return true;
}

/*
 * Whether the path leads elsewhere.  Errors that say nothing of that do not
 * count.  Asked for times too, NFS would first write all out.
 */
static bool
is_elsewhere(const struct sink *sink)
{
	struct statx now;

	if (statx(AT_FDCWD, sink->path, 0, STATX_INO, &now) != 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ESTALE;
	return now.stx_ino != sink->inode ||
	       makedev(now.stx_dev_major, now.stx_dev_minor) != sink->device;
}

static bool
rotate_file(const struct sink *sink, bool *is_removed)
{
	return rotate(sink->path, sink->config->keep, is_removed);
}

/* A path such as /dev/fd/3 may lead to a file without a name. */
static enum sink_file
look_at_file(struct sink *sink)
{
	enum sink_file found = stream_look(sink);

	return found == SINK_REMOVED && !is_elsewhere(sink) ? SINK_SAME : found;
}

/* A FIFO with a path may get another reader, an unnamed pipe may not. */
static bool
file_is_gone(const struct sink *sink, int error)
{
	struct statfs system;

	if (error == EPIPE && fstatfs(sink->fd, &system) == 0)
		return system.f_type == PIPEFS_MAGIC;
	return stream_has_hung_up(sink);
}

static void
close_file(struct sink *sink)
{
	const struct sink old = *sink;

	sync_before_close(sink, &old);
	close_and_check(sink, sink->fd);
}

const struct sink_ops sink_file = {
	.open = open_file,
	.try = try_file,
	.reopen = reopen_file,
	.look = look_at_file,
	.is_elsewhere = is_elsewhere,
	.rotate = rotate_file,
	.write = stream_write,
	.is_gone = file_is_gone,
	.close = close_file,
};
