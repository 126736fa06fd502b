/* SPDX-License-Identifier: MIT */
/* base64: bytes as text and back (RFC 4648, section 4). */
#ifndef PORTLOG_BASE_BASE64_H
#define PORTLOG_BASE_BASE64_H

#include <stddef.h>

/* What size bytes take as text, and no NUL. */
#define BASE64_SIZE(size) (((size_t)(size) + 2) / 3 * 4)

/* Write BASE64_SIZE(size) characters to out, and return how many. */
size_t base64_encode(char *out, const unsigned char *data, size_t size);

/*
 * The bytes that text stands for, into out, which may be text itself and has
 * room for size / 4 * 3.  Returns their number, -1 where it is not base64.
 */
long base64_decode(unsigned char *out, const char *text, size_t size);

#endif
