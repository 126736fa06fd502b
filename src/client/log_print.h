/* SPDX-License-Identifier: MIT */
/* log_print: lines of a log for people, or for programs.  One thread. */
#ifndef PORTLOG_CLIENT_LOG_PRINT_H
#define PORTLOG_CLIENT_LOG_PRINT_H

#include <stdbool.h>

#include "base/buffer.h"
#include "client/log_filter.h"
#include "client/log_view.h"

enum log_form {
	LOG_FORM_LINE, /* as text */
	LOG_FORM_DATA, /* the bytes that were sent, and an LF */
	LOG_FORM_JSON,
};

struct log_printer {
	enum log_form form;
	bool is_local;    /* times of this host's zone */
	bool is_terminal; /* print nothing that could harm one */
	bool has_colour;
	const struct log_filter *highlight; /* borrowed */
	struct buffer out;                  /* not written yet */
};

/*
 * Print a line; what has no place in the form is left out.  Writes to stdout
 * where there is much of it, which may block.
 */
void log_print(struct log_printer *, const struct log_view *,
	       bool is_unfinished);

/* Write all to stdout.  Blocks; where it cannot, the process ends. */
void log_print_flush(struct log_printer *);

#endif
