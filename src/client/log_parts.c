/* SPDX-License-Identifier: MIT */
#include "client/log_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/memory.h"
#include "client/input.h"
#include "client/lines.h"

#define LIST_TRIES 10

/* ".1", "-20261123", "-20261123-07.1": and a suffix of compression behind. */
static bool
is_rotated(const char *suffix)
{
	static const char *const ends[] = { "", ".gz", ".xz", ".zst" };

	if ((*suffix != '.' && *suffix != '-') || suffix[1] < '0' ||
	    suffix[1] > '9')
		return false;
	suffix += strspn(suffix, "0123456789-");
	while (*suffix == '.' && suffix[1] >= '0' && suffix[1] <= '9')
		suffix += 1 + strspn(suffix + 1, "0123456789-");
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (strcmp(suffix, ends[i]) == 0)
			return true;
	return false;
}

bool
log_parts_is_part(const char *name, const char *path)
{
	size_t size = strlen(path);

	return strncmp(name, path, size) == 0 && is_rotated(name + size);
}

/* The time of the first line that has one, of the first block. */
static void
read_first(struct log_part *part)
{
	struct input input;
	struct lines lines = { .input = &input };
	struct line line;
	const char *time = NULL;

	if (!input_open_log_at(&input, part->path, part->fd))
		return;
	lines_read(&lines);
	while (!time && lines_held(&lines, &line))
		time = log_view_time(line.text, line.size);
	if (time)
		memcpy(part->first, time, LOG_VIEW_TIME);
	lines_free(&lines);
	input_abandon(&input);
}

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

/* Whether it is there already, by another name: a rotation goes on. */
static bool
is_double(const struct log_parts *parts, const struct stat *status)
{
	for (size_t i = 0; i < parts->count; i++)
		if (is_same(&parts->list[i].status, status))
			return true;
	return false;
}

static void
close_part(struct log_part *part)
{
	if (part->fd >= 0)
		close(part->fd);
	free(part->path);
}

static void
add(struct log_parts *parts, char *path, time_t since)
{
	struct log_part part = { .path = path };
	struct stat *status = &part.status;

	part.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (part.fd < 0 && errno != ENOENT)
		diag(LOG_ERR, "%s: %s", path, strerror(errno));
	if (part.fd >= 0 && fstat(part.fd, status) == 0 &&
	    S_ISREG(status->st_mode) && status->st_size > 0 &&
	    status->st_mtime >= since && !is_double(parts, status))
		read_first(&part);
	if (!*part.first) {
		close_part(&part);
		return;
	}
	parts->list =
		memory_append(parts->list, parts->count, sizeof *parts->list);
	parts->list[parts->count++] = part;
}

static int
compare_times(const struct timespec *a, const struct timespec *b)
{
	if (a->tv_sec != b->tv_sec)
		return a->tv_sec < b->tv_sec ? -1 : 1;
	return (a->tv_nsec > b->tv_nsec) - (a->tv_nsec < b->tv_nsec);
}

/* By their first lines; what begins with the same, by its last, and its name.
 */
static int
compare(const void *a, const void *b)
{
	const struct log_part *left = a, *right = b;
	size_t size = strlen(left->path), other = strlen(right->path);
	int order = strcmp(left->first, right->first);

	if (order == 0)
		order = compare_times(&left->status.st_mtim,
				      &right->status.st_mtim);
	if (order != 0)
		return order;
	/* ".10" is older than ".9". */
	return size != other ? (size > other ? -1 : 1)
			     : strcmp(right->path, left->path);
}

/* Add what is there now.  false: the directory cannot be read. */
static void
list(struct log_parts *parts, const char *path, time_t since)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t before = (size_t)(name - path);
	char directory[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	snprintf(directory, sizeof directory, "%.*s", (int)before, path);
	dir = opendir(before > 0 ? directory : ".");
	while (dir && (entry = readdir(dir))) {
		char *found;

		if (!log_parts_is_part(entry->d_name, name))
			continue;
		found = memory_zeroed(1, before + strlen(entry->d_name) + 1);
		sprintf(found, "%s%s", before > 0 ? directory : "",
			entry->d_name);
		add(parts, found, since);
	}
	if (dir)
		closedir(dir);
}

/* A rotation that goes on renames files while they are listed: list again. */
void
log_parts_find(struct log_parts *parts, const char *path, time_t since)
{
	size_t count;
	int tries = LIST_TRIES;

	do {
		count = parts->count;
		list(parts, path, since);
	} while (parts->count > count && --tries > 0);
	if (parts->count > 0)
		qsort(parts->list, parts->count, sizeof *parts->list, compare);
}

size_t
log_parts_behind(const struct log_parts *parts, const struct stat *status,
		 const char *first)
{
	size_t i = 0;

	for (; i < parts->count; i++)
		if (is_same(&parts->list[i].status, status))
			return i + 1;
	for (i = 0; i < parts->count; i++)
		if (strcmp(parts->list[i].first, first) > 0)
			break;
	return i;
}

void
log_parts_cut(struct log_parts *parts, const struct stat *status)
{
	size_t count = 0;

	while (count < parts->count &&
	       !is_same(&parts->list[count].status, status))
		count++;
	while (parts->count > count)
		close_part(&parts->list[--parts->count]);
}

void
log_parts_free(struct log_parts *parts)
{
	for (size_t i = 0; i < parts->count; i++)
		close_part(&parts->list[i]);
	free(parts->list);
	*parts = (struct log_parts){ 0 };
}
