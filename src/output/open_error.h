/* SPDX-License-Identifier: MIT */
/* open_error: why a file cannot be opened, and what to do about it. */
#ifndef PORTLOG_OUTPUT_OPEN_ERROR_H
#define PORTLOG_OUTPUT_OPEN_ERROR_H

#include "config/config.h"

#define OPEN_ERROR 512

/* An errno of opening this output, in words.  Any thread. */
void open_error_explain(const struct output_config *, int error,
			char out[OPEN_ERROR]);

#endif
