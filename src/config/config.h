/* SPDX-License-Identifier: MIT */
/* config: a libconfig file to plain structures, every fault told. */
#ifndef PORTLOG_CONFIG_CONFIG_H
#define PORTLOG_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/address.h"
#include "config/errors.h"

enum connection_notes { NOTES_NONE, NOTES_CLOSED, NOTES_ALL };

enum output_type { OUTPUT_STDOUT, OUTPUT_FILE, OUTPUT_SYSLOG, OUTPUT_JOURNAL };

/* A listener's outputs are a bit each of a word. */
#define CONFIG_OUTPUTS 64

/* Numbers and choices are long, as the table of options wants them. */
struct limits {
	long max_record; /* bytes */
	long max_connections;
	long max_connections_per_source; /* 0: no limit */
	long idle_timeout_s;             /* 0: never */
	long flush_timeout_ms;           /* 0: never */
	long receive_buffer;             /* bytes, of each UDP socket */
	long connection_notes;           /* enum connection_notes */
};

struct names {
	char **list;
	size_t count;
};

struct listener_config {
	char *name; /* NULL: from the port, once the kernel has chosen it */
	long protocol;
	char *address; /* "*" or numeric */
	long port;
	char *interface; /* NULL: any */
	long framing;    /* enum framing */
	struct names outputs;
	uint64_t output_mask; /* the bits of these outputs */
	struct limits limits;
};

struct output_config {
	char *name;
	long type;   /* enum output_type */
	long format; /* enum format */
	char *path;
	long mode;
	long facility, severity; /* codes of RFC 5424, 6.2.1 */
	char *ident;
};

/* Owns all that it points to; const once it is loaded. */
struct config {
	struct listener_config *listeners;
	size_t listener_count;
	struct output_config *outputs;
	size_t output_count;
	struct limits limits;
	long backlog;
	long shutdown_timeout_s;
};

/* The defaults, with neither listeners nor outputs. */
void config_defaults(struct config *);

/* One more listener or output, with its defaults; valid until the next. */
struct listener_config *config_add_listener(struct config *);
struct output_config *config_add_output(struct config *);

/*
 * Complete the outputs, then the listeners: stdout, and TCP and UDP port 8888,
 * where there is none; names; framing; each listener's set of outputs.
 */
void config_complete_outputs(struct config *);
void config_complete_listeners(struct config *);

/* The number of the output of that name, or -1. */
int config_find_output(const struct config *, const char *name);

/*
 * Read a file, or size bytes of text, at least one, as if they were that
 * file's.  The configuration is to be used only if there is no fault; it is to
 * be freed in any case.
 */
void config_load(struct config *, const char *path, struct errors *);
void config_parse(struct config *, const char *path, const char *text,
		  size_t size, struct errors *);

/* Write all of it as a configuration that loads to the same. */
void config_dump(const struct config *, FILE *);

void config_free(struct config *);

#endif
