/* SPDX-License-Identifier: MIT */
/* sparkline: the last values of something as a line of small bars.  Pure. */
#ifndef PORTLOG_CLIENT_SPARKLINE_H
#define PORTLOG_CLIENT_SPARKLINE_H

#include <stdbool.h>
#include <stddef.h>

#define SPARKLINE_VALUES 60

/* In UTF-8 a bar has three bytes; and a NUL. */
#define SPARKLINE_TEXT (3 * SPARKLINE_VALUES + 1)

/* { 0 } is an empty one. */
struct sparkline {
	double values[SPARKLINE_VALUES]; /* the newest is the last */
	size_t count;
};

/* Add the newest; of too many the oldest goes.  Less than 0: not known. */
void sparkline_add(struct sparkline *, double value);

/*
 * Put the newest values, as many as width, at the most SPARKLINE_VALUES.  The
 * highest bar is the largest of them.
 */
void sparkline_put(const struct sparkline *, size_t width, bool is_utf8,
		   char out[SPARKLINE_TEXT]);

#endif
