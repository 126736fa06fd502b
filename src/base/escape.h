/* SPDX-License-Identifier: MIT */
/* escape: any bytes to one printable line fragment, and exactly back. */
#ifndef PORTLOG_BASE_ESCAPE_H
#define PORTLOG_BASE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A byte becomes at most this many: \xHH. */
#define ESCAPE_GROWTH 4

/*
 * Whether a character may stand in a line as it is: it ends no line, moves no
 * cursor and turns no text around.  False for C0 but TAB, DEL, C1, U+2028,
 * U+2029, the bidirectional controls, U+FEFF and the noncharacters.
 */
bool escape_is_harmless(uint32_t code_point);

/*
 * Write data escaped to out: valid UTF-8, no byte below 0x20 but TAB, no 0x7f,
 * no NUL at the end.  Stops before a character that does not fit into room;
 * ESCAPE_GROWTH * *size always suffices.  Sets *size to the bytes of data
 * that were written and returns the bytes of out that they took.
 */
size_t escape(char *out, size_t room, const unsigned char *data, size_t *size);

/*
 * The bytes that text stands for, into out, which has room for size bytes and
 * may be text itself.
 * Returns their number, or -1 and the place of the first fault in *fault
 * where text is not what escape() writes.
 */
long unescape(unsigned char *out, const char *text, size_t size, size_t *fault);

#endif
