/* SPDX-License-Identifier: MIT */
#include "config/errors.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

bool
faults_has_value(const struct faults *faults,
		 const struct fault_setting *setting)
{
	for (size_t i = 0; i < faults->count; i++) {
		const struct fault_setting *s = &faults->list[i].setting;

		if (s->name && s->line == setting->line &&
		    strcmp(s->name, setting->name) == 0 &&
		    strcmp(s->file, setting->file) == 0)
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
faults_add_value(struct faults *faults, const char *file, unsigned line,
		 const struct fault_setting *setting, const char *text)
{
	add(faults, file, line, text)->setting = (struct fault_setting){
		.name = memory_copy(setting->name),
		.file = memory_copy(setting->file),
		.line = setting->line,
	};
}

static void
free_fault(struct fault *fault)
{
	free(fault->file);
	free(fault->text);
	free(fault->setting.name);
	free(fault->setting.file);
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

/* Whether one before it, of the same line, says the same. */
static bool
is_told(const struct faults *faults, size_t count, const struct fault *fault)
{
	while (count > 0 && compare(&faults->list[count - 1], fault) == 0)
		if (strcmp(faults->list[--count].text, fault->text) == 0)
			return true;
	return false;
}

void
faults_sort(struct faults *faults)
{
	size_t kept = 0;

	if (faults->count > 0)
		qsort(faults->list, faults->count, sizeof *faults->list,
		      compare);
	for (size_t i = 0; i < faults->count; i++) {
		struct fault fault = faults->list[i];

		if (is_told(faults, kept, &fault))
			free_fault(&fault);
		else
			faults->list[kept++] = fault;
	}
	faults->count = kept;
}

void
faults_free(struct faults *faults)
{
	for (size_t i = 0; i < faults->count; i++)
		free_fault(&faults->list[i]);
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
