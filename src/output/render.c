/* SPDX-License-Identifier: MIT */
#include "output/render.h"

#include "record/path_pattern.h"

/* Small records are rendered together, up to about so many bytes a write. */
#define RENDERED_BYTES 262144

size_t
render_scratch_size(size_t max_record)
{
	return FORMAT_BOUND(max_record) + RENDERED_BYTES;
}

/* How many of the records go to the file of the first one. */
static size_t
run_length(const struct rendering *r, unsigned parts)
{
	size_t n = 1;

	if (parts == 0)
		return r->count;
	while (n < r->count &&
	       path_pattern_is_same(parts, &r->records[n - 1], &r->records[n]))
		n++;
	return n;
}

void
render_records(struct rendered *all, struct rendering *r, unsigned parts,
	       char *scratch, size_t size)
{
	size_t end = 0;

	all->count = all->run_count = 0;
	while (r->count > 0 && all->run_count < RENDER_RUNS) {
		size_t left = r->count, written;
		struct run *run = &all->runs[all->run_count];

		*run = (struct run){ .record = r->records };
		r->count = run_length(r, parts);
		left -= r->count;
		run->lines =
			format_lines(r, scratch + end, size - end, &written);
		r->count += left;
		if (run->lines == 0)
			break;
		run->end = end += written;
		all->count += run->lines;
		all->run_count++;
	}
	all->data = scratch;
	all->size = end;
}
