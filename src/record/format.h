/* SPDX-License-Identifier: MIT */
/* format: records to lines of text or JSON, or to raw bytes.  Pure. */
#ifndef PORTLOG_RECORD_FORMAT_H
#define PORTLOG_RECORD_FORMAT_H

#include <stddef.h>

#include "record/record.h"

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_RAW };

/* The most bytes that a record of size bytes becomes, in any format. */
#define FORMAT_BOUND(size) (6 * (size_t)(size) + 1024)

/*
 * Render records, in their order, while capacity has FORMAT_BOUND() of the
 * next one.  Returns how many were rendered; *written is the bytes that they
 * take.  In raw, notes take none.
 */
size_t format_records(enum format, char *out, size_t capacity, size_t *written,
		      const struct record *, size_t count);

#endif
