/* SPDX-License-Identifier: MIT */
/* config_faults: all that is wrong with a configuration, line by line. */
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

/* Note a fault, printf-like; all text is copied. */
void errors_add(struct errors *, const char *file, unsigned line,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

/*
 * Put them into the order of their files and lines, each once: a file may be
 * included twice.
 */
void errors_sort(struct errors *);

void errors_free(struct errors *);

/*
 * The candidate, of a NULL-ended list, that is fewest edits from name, or NULL
 * where none is near enough to be what was meant.
 */
const char *errors_nearest(const char *name, const char *const *candidates);

#endif
