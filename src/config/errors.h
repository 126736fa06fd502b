/* SPDX-License-Identifier: MIT */
/* config_faults: all that is wrong with a configuration, line by line. */
#ifndef PORTLOG_CONFIG_ERRORS_H
#define PORTLOG_CONFIG_ERRORS_H

#include <stdbool.h>
#include <stddef.h>

/* A setting, and where its name stands. */
struct error_setting {
	char *name;
	char *file;
	unsigned line;
};

struct error {
	char *file;
	unsigned line;
	char *text;
	/* That whose value libconfig changes on reading; no name: no such. */
	struct error_setting setting;
};

struct errors {
	struct error *list;
	size_t count;
};

/* Note a fault, printf-like; all text is copied. */
void errors_add(struct errors *, const char *file, unsigned line,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

/*
 * Note that the value of a setting, on this line, is one that libconfig
 * changes, and ask for that: what it makes of it is then no fault of its own.
 */
void errors_add_value(struct errors *, const char *file, unsigned line,
		      const struct error_setting *, const char *text);
bool errors_has_value(const struct errors *, const struct error_setting *);

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
