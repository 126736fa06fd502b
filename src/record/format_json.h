/* SPDX-License-Identifier: MIT */
/* format_json: a record as one JSON object and a newline (RFC 8259).  Pure. */
#ifndef PORTLOG_RECORD_FORMAT_JSON_H
#define PORTLOG_RECORD_FORMAT_JSON_H

#include <stddef.h>

#include "record/record.h"

/* out has FORMAT_BOUND() bytes.  Returns how many were written. */
size_t format_json(char *out, const struct record *);

#endif
