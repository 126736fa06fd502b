/* SPDX-License-Identifier: MIT */
/* errors: all errors of a configuration, by file and line.  Main thread. */
#ifndef PORTLOG_CONFIG_ERRORS_H
#define PORTLOG_CONFIG_ERRORS_H

#include <stdbool.h>
#include <stddef.h>

struct error {
	char *file;
	unsigned line;
	char *text;
};

struct errors {
	struct error *list;
	size_t count;
};

/* Add an error; line 0: of the file as a whole.  All text is copied. */
void errors_add(struct errors *, const char *file, unsigned line,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

/*
 * Put them into the order of their files and lines, each once: a file may be
 * included twice.
 */
void errors_sort(struct errors *);

void errors_free(struct errors *);

/*
 * The candidate, of a NULL-ended list, that is the fewest edits away from name.
 * NULL: none is near enough to be a slip for it.
 */
const char *errors_nearest(const char *name, const char *const *candidates);

#endif
