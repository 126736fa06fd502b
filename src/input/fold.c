/* SPDX-License-Identifier: MIT */
#include "input/fold.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool
is_empty(const struct record *record)
{
	return record->tag == TAG_WHOLE && record->size == 0;
}

/* How many empty records of one peer begin here; 1 for any other record. */
static size_t
run_of(const struct record *first, size_t count)
{
	size_t run = 1;

	while (is_empty(first) && run < count && is_empty(&first[run]) &&
	       first[run].origin == first->origin)
		run++;
	return run;
}

/* The last one becomes a note of all but the first. */
static struct record
note_of(struct record last, size_t more, char text[FOLD_NOTE])
{
	snprintf(text, FOLD_NOTE, "empty records=%zu", more);
	last.tag = TAG_NOTE;
	last.number = 0;
	last.data = (const unsigned char *)text;
	last.size = strlen(text);
	return last;
}

size_t
fold_empty(struct record *records, size_t count, char (*notes)[FOLD_NOTE])
{
	size_t left = 0, run;

	for (size_t i = 0; i < count; i += run) {
		run = run_of(&records[i], count - i);
		if (run < FOLD_LEAST)
			run = 1;
		records[left++] = records[i];
		if (run > 1)
			records[left++] = note_of(records[i + run - 1], run - 1,
						  *notes++);
	}
	return left;
}
