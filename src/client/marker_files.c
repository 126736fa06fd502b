/* SPDX-License-Identifier: MIT */
#include "client/marker_files.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "record/path_pattern.h"

#define BLOCK_BYTES 65536

/* The digits of a number, at most. */
#define NUMBER_BYTES 20

/* How much of a file of a pattern may be written behind a marker until it is
 * searched. */
#define TAIL_BYTES 4194304

static bool
is_known(const struct marker_files *files, const struct stat *status)
{
	for (size_t i = 0; i < files->count; i++)
		if (files->list[i].device == status->st_dev &&
		    files->list[i].inode == status->st_ino)
			return true;
	return false;
}

/* Not a pipe: that would take its data.  -1: errno. */
static int
open_file(const char *path, struct stat *status)
{
	if (stat(path, status) != 0)
		return -1;
	errno = ESPIPE;
	return S_ISREG(status->st_mode) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

/* Open the file at a path, if it is another than those before. */
static void
add_file(struct marker_files *files, const char *path, bool from_end)
{
	struct stat status;
	int fd = open_file(path, &status);

	files->error = fd < 0 ? errno : 0;
	if (fd >= 0 && is_known(files, &status)) {
		close(fd);
		return;
	}
	if (fd < 0)
		return;
	files->list =
		memory_append(files->list, files->count, sizeof *files->list);
	files->list[files->count++] = (struct marker_file){
		.device = status.st_dev,
		.inode = status.st_ino,
		.fd = fd,
		.offset = from_end ? status.st_size : 0,
	};
}

void
marker_files_open(struct marker_files *files, const char *path)
{
	/* The times of files are those of the kernel's last tick. */
	files->since = time(NULL) - 1;
	if (!path_pattern_is(path))
		add_file(files, path, true);
}

void
markers_search(struct markers *markers, const char *prefix, const char *data,
	       size_t size, bool at_end)
{
	size_t done = 0, length = strlen(prefix);
	const char *place;

	while ((place = memmem(data + done, size - done, prefix, length))) {
		size_t number = 0;

		done = (size_t)(place - data) + length;
		while (done < size && isdigit((unsigned char)data[done]))
			number = 10 * number + (size_t)(data[done++] - '0');
		if (number < markers->count && (done < size || at_end))
			markers->found[number] = true;
	}
}

/*
 * To the end of the file.  Its last bytes may be the beginning of a marker, and
 * are read again.
 */
static void
search_file(struct marker_file *file, const char *prefix,
	    struct markers *markers)
{
	static char block[BLOCK_BYTES];
	off_t overlap = (off_t)(strlen(prefix) + NUMBER_BYTES);
	bool at_end = false;

	while (!at_end) {
		ssize_t size =
			pread(file->fd, block, sizeof block, file->offset);

		at_end = size < (ssize_t)sizeof block;
		if (size > 0)
			markers_search(markers, prefix, block, (size_t)size,
				       at_end);
		if (size > overlap)
			file->offset += size - overlap;
	}
}

/* Search a file of a pattern, if it was written since. */
static void
search_path(struct marker_files *files, const char *path, const char *prefix,
	    struct markers *markers)
{
	struct marker_file file = { 0 };
	struct stat status;

	if (stat(path, &status) != 0 || status.st_mtime < files->since)
		return;
	file.fd = open_file(path, &status);
	files->error = file.fd < 0 ? errno : 0;
	if (file.fd < 0)
		return;
	if (status.st_size > TAIL_BYTES)
		file.offset = status.st_size - TAIL_BYTES;
	search_file(&file, prefix, markers);
	close(file.fd);
}

/* There may be many: none stays open. */
static void
search_pattern(struct marker_files *files, const char *path, const char *prefix,
	       struct markers *markers)
{
	char pattern[PATH_PATTERN_GLOB];
	glob_t found;

	/* Where directories cannot be searched, they are not found. */
	files->error = geteuid() == 0 ? ENOENT : EACCES;
	path_pattern_to_glob(path, pattern);
	if (glob(pattern, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			search_path(files, found.gl_pathv[i], prefix, markers);
	globfree(&found);
}

void
marker_files_search(struct marker_files *files, const char *path,
		    const char *prefix, struct markers *markers)
{
	if (path_pattern_is(path)) {
		search_pattern(files, path, prefix, markers);
		return;
	}
	add_file(files, path, false);
	for (size_t i = 0; i < files->count; i++)
		search_file(&files->list[i], prefix, markers);
}

void
marker_files_free(struct marker_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		close(files->list[i].fd);
	free(files->list);
	*files = (struct marker_files){ 0 };
}
