/* SPDX-License-Identifier: MIT */
/*
 * render: records as the lines that streams get, rendered once for all that get
 * the same.  Pure.
 */
#ifndef PORTLOG_OUTPUT_RENDER_H
#define PORTLOG_OUTPUT_RENDER_H

#include <stddef.h>

#include "record/format.h"

/* The most parts of one batch of lines that are for different files. */
#define RENDER_RUNS 64

/* Parts of the data, one after the other, each of which is for one file. */
struct run {
	const struct record *record; /* one of these; borrowed */
	size_t end;                  /* of the data, of this part */
	size_t lines;
};

struct rendered {
	const char *data; /* borrowed */
	size_t size;      /* bytes of data, whole lines */
	size_t count;     /* of the lines, each of which counts as a record */
	struct run runs[RENDER_RUNS];
	size_t run_count;
};

/* The bytes of scratch for records of at most max_record bytes. */
size_t render_scratch_size(size_t max_record);

/*
 * Render records, as many as fit into scratch, and take them out of the
 * rendering.  parts: what the paths of the files depend on, of
 * path_pattern_parts(); 0: all is for one file.
 */
void render_records(struct rendered *, struct rendering *, unsigned parts,
		    char *scratch, size_t size);

#endif
