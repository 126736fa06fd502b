/* SPDX-License-Identifier: MIT */
/* format_json: one record as one JSON object and a newline (RFC 8259). */
#ifndef PORTLOG_RECORD_FORMAT_JSON_H
#define PORTLOG_RECORD_FORMAT_JSON_H

#include <stddef.h>

#include "record/record.h"

/* Out has room for FORMAT_BOUND() of the record; returns what was written. */
size_t format_json(char *out, const struct record *);

#endif
