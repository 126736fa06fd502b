/* SPDX-License-Identifier: MIT */
/* format_json: a record as one JSON object and a newline (RFC 8259).  Pure. */
#ifndef PORTLOG_RECORD_FORMAT_JSON_H
#define PORTLOG_RECORD_FORMAT_JSON_H

#include <stddef.h>

#include "record/record.h"

/*
 * The members that are the same for records of one origin.  Between "time" and
 * the others FORMAT_JSON_TIME is where a time of FORMAT_TIME - 1 bytes goes.
 * Returns the bytes written to out, which has FORMAT_MIN_LINE.
 */
#define FORMAT_JSON_TIME (sizeof "{\"time\":\"" - 1)
size_t format_json_prefix(char *out, const struct origin *);

/*
 * Render data of a record from done on, behind a prefix of used bytes in out:
 * *size bytes, or as many as an object of limit bytes holds.  Sets *size to
 * these.  Returns the bytes written to out, with the prefix; it has limit or
 * FORMAT_BOUND(*size) bytes.
 */
size_t format_json(char *out, size_t used, size_t limit, const struct record *,
		   size_t done, size_t *size);

#endif
