/* SPDX-License-Identifier: MIT */
/* config_value: one libconfig setting to one field, checked by its option. */
#ifndef PORTLOG_CONFIG_VALUE_H
#define PORTLOG_CONFIG_VALUE_H

#include <libconfig.h>

#include "config/config.h"
#include "config/errors.h"
#include "config/options.h"

struct reader {
	const char *path;
	char *directory; /* of path: what @include is relative to */
	struct errors *errors;
	struct config *config;
	config_t tree;
	bool has_unknown_names; /* outputs whose faults hide how to call them */
};

/*
 * The file that libconfig knows as name, NULL for the main one.  1.5 leaves
 * out the directory of an included file.  Freed by the caller.
 */
char *reader_file(const struct reader *, const char *name);

/*
 * The file that @include "name" reads, whichever it stands in: beside the main
 * one, which 1.5 does even to an absolute path.  Freed by the caller.
 */
char *reader_include(const struct reader *, const char *name);

/* A fault at the line of a setting. */
void error_at(struct reader *, const config_setting_t *, const char *format,
	      ...) __attribute__((format(printf, 3, 4)));

/* The setting is there, but of another type than what is expected. */
void value_wrong_type(struct reader *, const config_setting_t *,
		      const char *expected);

/* Set the option's field in target; or false, a fault, and leave it. */
bool value_read(struct reader *, const config_setting_t *,
		const struct option *, void *target);

#endif
