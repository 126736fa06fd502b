/* SPDX-License-Identifier: MIT */
/* json_string: any bytes as part of a string of JSON (RFC 8259).  Pure. */
#ifndef PORTLOG_BASE_JSON_STRING_H
#define PORTLOG_BASE_JSON_STRING_H

#include <stdbool.h>
#include <stddef.h>

/* One byte becomes at most this many: \uHHHH. */
#define JSON_STRING_GROWTH 6

/*
 * Write a string without its quotes, as far as it is valid UTF-8 and fits into
 * capacity.  Sets *size to the bytes of data that are written.  false: the next
 * byte is not valid.
 */
bool json_string_put(char *out, size_t capacity, size_t *written,
		     const unsigned char *data, size_t *size);

#endif
