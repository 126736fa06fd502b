/* SPDX-License-Identifier: MIT */
/*
 * output_sink: what an output writes to.  A sink is told what to write and
 * says how much was taken; to wait and to try again is the output's work.
 */
#ifndef PORTLOG_OUTPUT_SINK_H
#define PORTLOG_OUTPUT_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "config/config.h"
#include "record/record.h"

struct sink {
	const struct output_config *config;
	int fd;
	bool ends_mid_line; /* a file ends in half a line, to be ended first */
	bool is_socket;
	bool close_failed; /* close() failed: what was written may be missing */
	size_t most;       /* bytes of one write; 0: as many as there are */
	size_t done;       /* bytes of the present record that were taken */
	char *buffer;      /* the sink's own */
	size_t room;       /* bytes of buffer */
};

/*
 * All are called under the output's lock.  What fails returns false or -1 and
 * sets errno.
 */
struct sink_ops {
	bool (*open)(struct sink *);
	/* The same by its path again; on failure the old one stays. */
	bool (*reopen)(struct sink *);
	/* Streams: write some bytes, at least one; how many. */
	ssize_t (*write)(struct sink *, const char *data, size_t size);
	/* Messages: all of a record; the same one again after a failure. */
	bool (*send)(struct sink *, const struct record *);
	void (*close)(struct sink *);
	const char *path; /* NULL: that of its configuration, or none */
};

extern const struct sink_ops sink_stdout, sink_file, sink_syslog;
/* Without libsystemd it cannot be opened: ENOSYS. */
extern const struct sink_ops sink_journal;

#endif
