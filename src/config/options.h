/* SPDX-License-Identifier: MIT */
/*
 * options: the table of all settings.  The reader and the dump work from it,
 * and a test holds portlogd.conf(5) and etc/portlogd.conf to it: a new setting
 * is a row here and a field in struct config.  Pure.
 */
#ifndef PORTLOG_CONFIG_OPTIONS_H
#define PORTLOG_CONFIG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum option_type {
	OPTION_INTEGER,   /* unsigned, min to max */
	OPTION_PORTS,     /* two unsigned: a port, and a range's last or 0 */
	OPTION_CHOICE,    /* an enum: the index in choices */
	OPTION_BOOLEAN,   /* unsigned: 0 or 1 */
	OPTION_MODE,      /* unsigned: octal digits in a string */
	OPTION_SPACE,     /* unsigned: bytes, or a percentage in a string */
	OPTION_NAME,      /* char *: printable ASCII, no space, 1 to 64 bytes */
	OPTION_ADDRESS,   /* char *: "*" or a numeric address */
	OPTION_NETWORK,   /* char *: an address or a network */
	OPTION_TEXT,      /* char *: not empty */
	OPTION_PATH,      /* char *: the path of a file */
	OPTION_SOCKET,    /* char *: the path of a Unix socket, or "" */
	OPTION_DELIMITER, /* struct delimiter: an escaped string */
	OPTION_NAMES,     /* struct names: an array or list of names */
	OPTION_NETWORKS,  /* struct prefix_table: the same of networks */
	OPTION_GROUP,     /* no field: a group, for which there is a table */
	OPTION_LIST,      /* no field: a list of such groups */
};

struct listener_config;
struct output_config;

struct option {
	const char *name;
	enum option_type type;
	size_t offset; /* of its field in the target */
	unsigned min, max;
	unsigned initial;           /* the default of a number */
	const char *text;           /* the default of a string; NULL: unset */
	const char *const *choices; /* ends with NULL */
	unsigned applies; /* the kinds that it is for; 0: all of them */
	bool required;    /* where it applies */
};

/* Names in the order of their enumerations; each ends with NULL. */
extern const char *const config_formats[];
extern const char *const config_output_types[];
extern const char *const config_output_syncs[];

/* Each table ends with a row without a name. */
extern const struct option config_top_options[];
extern const struct option config_limits_options[];
extern const struct option config_name_options[];
extern const struct option config_listener_options[];
extern const struct option config_tls_options[];
extern const struct option config_output_options[];

/* The row of that name; NULL: there is none. */
const struct option *option_find(const struct option *table, const char *name);

/*
 * The kinds of a listener, its protocol and its framing, or of an output, its
 * type, as bits; and whether an option is for one of these.
 */
unsigned option_listener_kinds(const struct listener_config *);
unsigned option_output_kinds(const struct output_config *);
bool option_applies(const struct option *, unsigned kinds);

/* The index of a name in choices; -1: it is none of them. */
int option_choice(const char *const *choices, const char *name);

/* Read or write its field in target, a number or an enumeration. */
unsigned option_get(const struct option *, const void *target);
void option_set(const struct option *, void *target, unsigned value);

/* Set all fields of a table to their defaults; strings are allocated. */
void options_set_defaults(const struct option *table, void *target);

#endif
