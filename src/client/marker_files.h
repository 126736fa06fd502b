/* SPDX-License-Identifier: MIT */
/*
 * marker_files: which markers of probes were written to the files of an output
 * since a moment, over rotations.  Without memory the process ends.  One
 * thread; blocks on the files.
 */
#ifndef PORTLOG_CLIENT_MARKER_FILES_H
#define PORTLOG_CLIENT_MARKER_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

/* Which markers were found, by their number. */
struct markers {
	bool *found;
	size_t count;
};

struct marker_files {
	struct marker_file {
		dev_t device;
		ino_t inode;
		int fd;
		off_t offset; /* behind what was searched */
	} * list;             /* of a path: what was found there */
	size_t count;
	time_t since; /* of a pattern: files written before are left out */
	int error;    /* why the last file could not be opened; 0: it could */
};

/* From here on the files at a path, or of a pattern, are searched. */
void marker_files_open(struct marker_files *, const char *path);

/*
 * Search what was written since, also to files that are there by now.  prefix
 * is what stands in front of a marker's number.
 */
void marker_files_search(struct marker_files *, const char *path,
			 const char *prefix, struct markers *);

/* The same in bytes.  at_end: a number that they end with has no more digits.
 */
void markers_search(struct markers *, const char *prefix, const char *data,
		    size_t size, bool at_end);

void marker_files_free(struct marker_files *);

#endif
