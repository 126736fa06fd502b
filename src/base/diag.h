/* SPDX-License-Identifier: MIT */
/*
 * base/: helpers that know nothing of the programs that use them, and include
 * nothing else of src/.
 *
 * diag: the program's own log, on stderr.  Each call writes one line, escaped.
 * Any thread.  A call waits up to 200 ms for stderr to take the line, then
 * drops it: a daemon must not stop because stderr is not read.
 */
#ifndef PORTLOG_BASE_DIAG_H
#define PORTLOG_BASE_DIAG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <syslog.h>

/*
 * Call it before all else.  Where stderr is the journal's, lines begin with
 * their priority as "<N>", elsewhere with the program's name.  Opens /dev/null
 * in place of each of descriptors 0, 1 and 2 that is closed.  Main thread.
 */
void diag_init(const char *program);

/* Log debug messages too.  Main thread, before there are others. */
void diag_be_verbose(void);

/*
 * priority is one of syslog(3): LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG.
 * What is beyond 959 bytes is cut off.  errno is left as it was.
 */
void diag(int priority, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A line without priority or program, as compilers write errors of a file. */
void diag_plain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * The last error that the main thread logged, escaped, by diag() or
 * diag_plain(); "": none.  It is cut to 255 bytes.  Main thread.
 */
const char *diag_last_error(void);

/* The same for what may happen often: logged once a minute, with a count. */
struct diag_limit {
	atomic_llong next_s; /* CLOCK_MONOTONIC */
	atomic_uint suppressed;
};

void diag_limited(struct diag_limit *, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
