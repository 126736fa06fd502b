/* SPDX-License-Identifier: MIT */
/*
 * fold: of empty records of one peer that came together, in a row, only the
 * first is shown, and a note says how many more there were.  Pure.
 */
#ifndef PORTLOG_INPUT_FOLD_H
#define PORTLOG_INPUT_FOLD_H

#include <stddef.h>

#include "record/record.h"

/* "empty records=N" and a NUL. */
#define FOLD_NOTE 40

/* So many are folded; fewer take no more lines as they are. */
#define FOLD_LEAST 3

/*
 * Returns how many records are left of count.  The notes are borrowed by the
 * records: there must be room for count / FOLD_LEAST.
 */
size_t fold_empty(struct record *, size_t count, char (*notes)[FOLD_NOTE]);

#endif
