/* SPDX-License-Identifier: MIT */
/* config_faults: all that is wrong with a configuration, line by line. */
#ifndef PORTLOG_CONFIG_FAULTS_H
#define PORTLOG_CONFIG_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

struct fault {
	char *file;
	unsigned line;
	char *integer; /* the setting whose integer does not fit, or NULL */
	char *text;
};

struct faults {
	struct fault *list;
	size_t count;
};

/* Note a fault, printf-like; all text is copied. */
void faults_add(struct faults *, const char *file, unsigned line,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

/*
 * Note that the integer of a setting does not fit its type, and ask for that:
 * the value that libconfig makes of it is then no fault of its own.
 */
void faults_add_integer(struct faults *, const char *file, unsigned line,
			const char *setting, const char *text);
bool faults_has_integer(const struct faults *, const char *file, unsigned line,
			const char *setting);

/* Put them into the order of their files and lines. */
void faults_sort(struct faults *);

void faults_free(struct faults *);

/*
 * The candidate, of a NULL-ended list, that is fewest edits from name, or NULL
 * where none is near enough to be what was meant.
 */
const char *faults_nearest(const char *name, const char *const *candidates);

#endif
