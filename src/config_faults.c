/* SPDX-License-Identifier: MIT */
#include "config_faults.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "memory.h"

bool
faults_has_integer(const struct faults *faults, const char *file, unsigned line,
		   const char *setting)
{
	for (size_t i = 0; i < faults->count; i++) {
		const struct fault *f = &faults->list[i];

		if (f->line == line && f->integer &&
		    strcmp(f->integer, setting) == 0 &&
		    strcmp(f->file, file) == 0)
			return true;
	}
	return false;
}

static struct fault *
add(struct faults *faults, const char *file, unsigned line, const char *text)
{
	struct fault *fault;

	faults->list = memory_grow(faults->list, faults->count + 1,
				   sizeof *faults->list);
	fault = &faults->list[faults->count++];
	*fault = (struct fault){
		.file = memory_copy(file),
		.line = line,
		.text = memory_copy(text),
	};
	return fault;
}

void
faults_add(struct faults *faults, const char *file, unsigned line,
	   const char *format, ...)
{
	va_list arguments;
	char text[512];

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	add(faults, file, line, text);
}

void
faults_add_integer(struct faults *faults, const char *file, unsigned line,
		   const char *setting, const char *text)
{
	add(faults, file, line, text)->integer = memory_copy(setting);
}

static int
compare(const void *left, const void *right)
{
	const struct fault *a = left, *b = right;
	int by_file = strcmp(a->file, b->file);

	if (by_file != 0)
		return by_file;
	return (a->line > b->line) - (a->line < b->line);
}

void
faults_sort(struct faults *faults)
{
	if (faults->count > 0)
		qsort(faults->list, faults->count, sizeof *faults->list,
		      compare);
}

void
faults_free(struct faults *faults)
{
	for (size_t i = 0; i < faults->count; i++) {
		free(faults->list[i].file);
		free(faults->list[i].integer);
		free(faults->list[i].text);
	}
	free(faults->list);
	*faults = (struct faults){ 0 };
}

/* Insertions, deletions and changes that make a into b, row by row. */
static size_t
edits(const char *a, const char *b)
{
	size_t row[64], size = strlen(b);

	if (size >= sizeof row / sizeof *row)
		return SIZE_MAX;
	for (size_t j = 0; j <= size; j++)
		row[j] = j;
	for (size_t i = 1; *a; a++, i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= size; j++) {
			size_t change = diagonal + (*a != b[j - 1]);

			diagonal = row[j];
			if (row[j - 1] < row[j])
				row[j] = row[j - 1];
			row[j] = row[j] + 1 < change ? row[j] + 1 : change;
		}
	}
	return row[size];
}

const char *
faults_nearest(const char *name, const char *const *candidates)
{
	const char *nearest = NULL;
	size_t least = SIZE_MAX;

	for (; *candidates; candidates++) {
		size_t n = strcasecmp(name, *candidates) == 0
				 ? 0
				 : edits(name, *candidates);

		/* What shares less than half of a name is not a slip. */
		if (n < least && n <= strlen(*candidates) / 2) {
			least = n;
			nearest = *candidates;
		}
	}
	return nearest;
}
