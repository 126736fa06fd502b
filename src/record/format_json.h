/* SPDX-License-Identifier: MIT */
/* format_json: a record as one JSON object and a newline (RFC 8259).  Pure. */
#ifndef PORTLOG_RECORD_FORMAT_JSON_H
#define PORTLOG_RECORD_FORMAT_JSON_H

#include <stddef.h>

#include "record/record.h"

/*
 * Render data of a record from done on: *size bytes, or as many as an object of
 * limit bytes holds.  Sets *size to these.  Returns the bytes written to out,
 * which has limit or FORMAT_BOUND(*size) bytes.
 */
size_t format_json(char *out, size_t limit, const struct record *, size_t done,
		   size_t *size);

#endif
