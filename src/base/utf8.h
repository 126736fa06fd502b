/* SPDX-License-Identifier: MIT */
/* utf8: which bytes are UTF-8 (RFC 3629), and where to cut it.  Pure. */
#ifndef PORTLOG_BASE_UTF8_H
#define PORTLOG_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/*
 * Decode the character that data begins with.  Returns its length in bytes, 1
 * to 4; 0: data begins with no whole valid character.  Overlong forms,
 * surrogates and code points beyond U+10FFFF are not valid.
 */
size_t utf8_decode(const unsigned char *data, size_t size,
		   uint32_t *code_point);

/*
 * Where to cut data so that no character is split: before the last bytes if
 * they only begin a character, else at size.  Returns 0 only if size is 0;
 * data that is one unfinished character is not shortened.
 */
size_t utf8_cut(const unsigned char *data, size_t size);

#endif
