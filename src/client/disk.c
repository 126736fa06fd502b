/* SPDX-License-Identifier: MIT */
#include "client/disk.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "config/keep_free.h"
#include "record/path_pattern.h"

/* What is less than a block is nothing. */
#define LEAST_BYTES 4096

/* "/a/b" of "/a/b/c/", "/" of "/a", "." of "a". */
static void
go_up(char *directory)
{
	size_t size = strlen(directory);

	while (size > 1 && directory[size - 1] == '/')
		directory[--size] = '\0';
	while (size > 1 && directory[size - 1] != '/')
		directory[--size] = '\0';
	if (directory[0] != '/' && (size == 0 || directory[size - 1] != '/'))
		memcpy(directory, ".", sizeof ".");
}

bool
disk_look(struct disk *disk, const struct output_config *output)
{
	struct statvfs system;
	int result;

	*disk = (struct disk){ 0 };
	path_pattern_directory(output->path, disk->directory);
	/* The directories of a pattern are made once a record needs them. */
	while ((result = statvfs(disk->directory, &system)) != 0 &&
	       errno == ENOENT && strlen(disk->directory) > 1)
		go_up(disk->directory);
	/* A file system without blocks does not say how many are free. */
	if (result != 0 || system.f_blocks == 0)
		return result == 0;
	disk->has_blocks = true;
	disk->free = (unsigned long long)system.f_bavail * system.f_frsize;
	disk->keep = keep_free_bytes(output->keep_free, &system);
	disk->is_read_only = system.f_flag & ST_RDONLY;
	disk->has_no_files = system.f_files > 0 && system.f_favail == 0;
	return true;
}

const char *
disk_trouble(const struct disk *disk)
{
	if (disk->is_read_only)
		return "is read-only";
	if (disk->has_blocks && disk->free < LEAST_BYTES)
		return "is full";
	if (disk->has_blocks && disk->free <= disk->keep)
		return "has no more free than keep_free leaves to others";
	return disk->has_no_files ? "has no inode free" : NULL;
}
