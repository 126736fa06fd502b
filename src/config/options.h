/* SPDX-License-Identifier: MIT */
/*
 * options: THE table of settings.  The reader, the dump, and a test
 * that holds portlogd.conf(5) and etc/portlogd.conf to it all work from it, so
 * a new setting is a row here and a field in struct config.
 */
#ifndef PORTLOG_CONFIG_OPTIONS_H
#define PORTLOG_CONFIG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum option_type {
	OPTION_INTEGER, /* unsigned, min to max */
	OPTION_CHOICE,  /* an enum: the index in choices */
	OPTION_MODE,    /* unsigned: octal digits in a string */
	OPTION_NAME,    /* char *: printable ASCII, no space, 1 to 64 bytes */
	OPTION_ADDRESS, /* char *: "*" or a numeric address */
	OPTION_TEXT,    /* char *: not empty */
	OPTION_NAMES,   /* struct names: an array or list of names */
	OPTION_GROUP,   /* a group of its own, read by itself */
	OPTION_LIST,    /* a list of groups, read by itself */
};

struct option {
	const char *name;
	enum option_type type;
	size_t offset;
	unsigned min, max;
	unsigned initial; /* the default of a number */
	const char *text; /* the default of a string, NULL: none */
	const char *const *choices;
	/* Types of output, or protocols, that it is for: a bit each; 0: all. */
	unsigned applies;
	bool required;
};

/* Names in the order of their enumerations; each ends with NULL. */
extern const char *const config_protocols[];
extern const char *const config_formats[];
extern const char *const config_output_types[];

/* Each table ends with a row without a name. */
extern const struct option config_top_options[];
extern const struct option config_limits_options[];
extern const struct option config_listener_options[];
extern const struct option config_output_options[];

/* The row of that name, or NULL. */
const struct option *option_find(const struct option *table, const char *name);

/* Whether it has a meaning for the output type or protocol of that number. */
bool option_applies(const struct option *, unsigned kind);

/* The number of a name among choices, or -1. */
int option_choice(const char *const *choices, const char *name);

/* A field of four bytes: a number or an enumeration. */
unsigned option_get(const struct option *, const void *target);
void option_set(const struct option *, void *target, unsigned value);

/* Set all of a table's fields to their defaults. */
void options_set_defaults(const struct option *table, void *target);

#endif
