/* SPDX-License-Identifier: MIT */
/*
 * diag: the daemon's own voice, on stderr.  A call writes one line, escaped,
 * and leaves errno as it was.  It never waits for long: where nobody reads
 * stderr the line is dropped, for a log must not stop over its own remarks.
 */
#ifndef PORTLOG_BASE_DIAG_H
#define PORTLOG_BASE_DIAG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <syslog.h>

/*
 * To be called first of all.  Under systemd lines begin with their priority as
 * "<N>", elsewhere with the program's name.  Descriptors 0, 1 and 2 that are
 * closed are taken, by what can only be read from.
 */
void diag_init(const char *program);

/* Tell debug messages too. */
void diag_be_verbose(void);

/* priority is one of syslog(3): LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG. */
void diag(int priority, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A line without priority or program: faults of a file, as compilers tell. */
void diag_plain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What may happen often and is told once a minute, with a count. */
struct diag_limit {
	atomic_llong next_s; /* CLOCK_MONOTONIC */
	atomic_uint suppressed;
};

void diag_limited(struct diag_limit *, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
