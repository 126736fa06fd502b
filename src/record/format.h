/* SPDX-License-Identifier: MIT */
/* format: records to lines of text or JSON, or to raw bytes. */
#ifndef PORTLOG_RECORD_FORMAT_H
#define PORTLOG_RECORD_FORMAT_H

#include <stddef.h>

#include "record/record.h"

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_RAW };

/* What a record of size bytes takes at the most, in any format. */
#define FORMAT_BOUND(size) (6 * (size_t)(size) + 1024)

/*
 * Render records, in their order, as many as fit into room: how many of count
 * is returned, at least one where room is FORMAT_BOUND() of the first.
 * *written is what they took.  In raw, notes take nothing.
 */
size_t format_records(enum format, char *out, size_t room, size_t *written,
		      const struct record *, size_t count);

#endif
