/* SPDX-License-Identifier: MIT */
#include "config/errors.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

void
errors_add(struct errors *errors, const char *file, unsigned line,
	   const char *format, ...)
{
	va_list arguments;
	char text[512];

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	errors->list = memory_grow(errors->list, errors->count + 1,
				   sizeof *errors->list);
	errors->list[errors->count++] = (struct error){
		.file = memory_copy(file),
		.line = line,
		.text = memory_copy(text),
	};
}

static void
free_error(struct error *error)
{
	free(error->file);
	free(error->text);
}

static int
compare(const void *left, const void *right)
{
	const struct error *a = left, *b = right;
	int by_file = strcmp(a->file, b->file);

	if (by_file != 0)
		return by_file;
	return (a->line > b->line) - (a->line < b->line);
}

/* Whether one of the first count errors has the same line and text. */
static bool
is_repeated(const struct errors *errors, size_t count,
	    const struct error *error)
{
	while (count > 0 && compare(&errors->list[count - 1], error) == 0)
		if (strcmp(errors->list[--count].text, error->text) == 0)
			return true;
	return false;
}

void
errors_sort(struct errors *errors)
{
	size_t count = 0;

	if (errors->count > 0)
		qsort(errors->list, errors->count, sizeof *errors->list,
		      compare);
	for (size_t i = 0; i < errors->count; i++) {
		struct error error = errors->list[i];

		if (is_repeated(errors, count, &error))
			free_error(&error);
		else
			errors->list[count++] = error;
	}
	errors->count = count;
}

void
errors_free(struct errors *errors)
{
	for (size_t i = 0; i < errors->count; i++)
		free_error(&errors->list[i]);
	free(errors->list);
	*errors = (struct errors){ 0 };
}

/* How many insertions, deletions and changes turn a into b (Levenshtein). */
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
errors_nearest(const char *name, const char *const *candidates)
{
	const char *nearest = NULL;
	size_t min = SIZE_MAX;

	for (; *candidates; candidates++) {
		size_t n = strcasecmp(name, *candidates) == 0
				 ? 0
				 : edits(name, *candidates);

		/* More edits than half of the name are no slip. */
		if (n < min && n <= strlen(*candidates) / 2) {
			min = n;
			nearest = *candidates;
		}
	}
	return nearest;
}
