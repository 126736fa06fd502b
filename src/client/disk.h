/* SPDX-License-Identifier: MIT */
/*
 * disk: the room for the files of an output.  Any thread; blocks as statvfs(3)
 * does.
 */
#ifndef PORTLOG_CLIENT_DISK_H
#define PORTLOG_CLIENT_DISK_H

#include <limits.h>
#include <stdbool.h>

#include "config/config.h"

struct disk {
	char directory[PATH_MAX];
	unsigned long long free, keep;   /* bytes; keep: left to others */
	bool has_blocks;                 /* else it is not known what is free */
	bool is_read_only, has_no_files; /* no more files can be made */
};

/* Look at the file system of an output's file.  false: errno says why not. */
bool disk_look(struct disk *, const struct output_config *);

/* Why nothing can be written there; NULL: it can.  Borrowed. */
const char *disk_trouble(const struct disk *);

#endif
