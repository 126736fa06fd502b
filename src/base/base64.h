/* SPDX-License-Identifier: MIT */
/* base64: bytes as text and back (RFC 4648, section 4).  Pure. */
#ifndef PORTLOG_BASE_BASE64_H
#define PORTLOG_BASE_BASE64_H

#include <stddef.h>

/* The characters that size bytes become, without a NUL. */
#define BASE64_SIZE(size) (((size_t)(size) + 2) / 3 * 4)

/* Write BASE64_SIZE(size) characters to out, and return how many. */
size_t base64_encode(char *out, const unsigned char *data, size_t size);

/*
 * Decode size characters.  out takes up to size / 4 * 3 bytes and may be text
 * itself.  Returns how many bytes it wrote; -1: text is not base64.
 */
long base64_decode(unsigned char *out, const char *text, size_t size);

#endif
