/* SPDX-License-Identifier: MIT */
/* escape: any bytes to part of one printable line, and exactly back.  Pure. */
#ifndef PORTLOG_BASE_ESCAPE_H
#define PORTLOG_BASE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One byte becomes at most this many: \xHH. */
#define ESCAPE_GROWTH 4

/*
 * Whether a character may stand in a line as it is: it ends no line, moves no
 * cursor, turns no text around and is not invisible.  False for C0 but TAB,
 * DEL, C1, U+2028, U+2029, the noncharacters, and Default_Ignorable_Code_Point
 * of Unicode, which has the bidirectional controls and U+FEFF too.
 */
bool escape_is_harmless(uint32_t code_point);

/*
 * Write data escaped to out: valid UTF-8, no byte below 0x20 but TAB, no 0x7f,
 * no NUL at the end.  Stops before a character that does not fit into
 * capacity; ESCAPE_GROWTH * *size always suffices.  Returns the bytes written
 * to out, and sets *size to the bytes of data that they stand for.
 */
size_t escape(char *out, size_t capacity, const unsigned char *data,
	      size_t *size);

/*
 * The same of size bytes for the value of a pair: a space is "\x20", a TAB
 * "\x09".  What does not fit is left out.  Returns the bytes written to out.
 */
size_t escape_value(char *out, size_t capacity, const unsigned char *data,
		    size_t size);

/*
 * Write the bytes that text stands for to out, which takes up to size bytes
 * and may be text itself.  Returns how many; -1: escape() does not write this
 * text, and *bad_offset is where its first wrong backslash stands.
 */
long unescape(unsigned char *out, const char *text, size_t size,
	      size_t *bad_offset);

#endif
