/* SPDX-License-Identifier: MIT */
/* utf8: which bytes are UTF-8 (RFC 3629), and where a string may be cut. */
#ifndef PORTLOG_BASE_UTF8_H
#define PORTLOG_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/*
 * The character that data begins with: its length in bytes, 1 to 4, and its
 * code point.  0 where no whole valid character stands there; overlong forms,
 * surrogates and code points beyond U+10FFFF are not valid.
 */
size_t utf8_decode(const unsigned char *data, size_t size,
		   uint32_t *code_point);

/*
 * Where to cut data so that its last character is not split: at most size,
 * less than size where the last bytes are the beginning of a character whose
 * rest may follow.  0 only if size is 0: what has no boundary is cut as it is.
 */
size_t utf8_cut(const unsigned char *data, size_t size);

#endif
