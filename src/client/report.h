/* SPDX-License-Identifier: MIT */
/*
 * report: what a check has found, a line for each thing and what to do about
 * it, on standard output.  Texts may be anybody's: they are escaped.  Without
 * memory the process ends.  Main thread.
 */
#ifndef PORTLOG_CLIENT_REPORT_H
#define PORTLOG_CLIENT_REPORT_H

#include <stdbool.h>
#include <stddef.h>

enum report_word { REPORT_OK, REPORT_WARN, REPORT_FAIL, REPORT_UNKNOWN };

#define REPORT_WORDS 4

/* { .is_quiet = ... } is an empty one. */
struct report {
	bool is_quiet, is_json, has_colour;
	const char *check; /* the caller's: what the next lines are of */
	unsigned counts[REPORT_WORDS];
	/* "SUBJECT: what was seen" of the first fail and warn; NULL: none. */
	char *first[REPORT_WORDS];
	struct report_line {
		enum report_word word;
		char *subject, *seen, *advice; /* seen is NULL: no line */
	} line; /* the last one, which is not printed yet */
};

/* A line.  What was seen is one sentence without its full stop. */
void report_say(struct report *, enum report_word, const char *subject,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

/* What to do about the last line.  Each but an ok has it. */
void report_advise(struct report *, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Print the last line.  Blocks. */
void report_flush(struct report *);

/* Print a line for people alone. */
void report_tell(struct report *, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The last object of JSON: the cause, or NULL.  For people it has nothing. */
void report_end(struct report *, const char *cause);

void report_free(struct report *);

#endif
