/* SPDX-License-Identifier: MIT */
/*
 * files: the open files of an output whose path is a pattern.  Each is opened
 * when a line is written to it.  It is closed when FILES_OPEN others were
 * written to since, or when others were but it was not for a minute: so files
 * of yesterday, which may be removed, do not stay open.
 *
 * Call with the output's lock held, between two lines; any thread but the main
 * one while there are others, for open(2) and close(2) may block.
 */
#ifndef PORTLOG_OUTPUT_FILES_H
#define PORTLOG_OUTPUT_FILES_H

#include <stdbool.h>

#include "output/output_state.h"
#include "record/record.h"

/* The most that an output has open. */
#define FILES_OPEN 128

/* None is open.  The caller frees with files_free().  Main thread. */
struct files *files_new(const struct output_config *);

/*
 * Let output->sink be the file of a record, and open it.  false: errno says why
 * it is not open; call again, and that is tried again.
 */
bool files_select(struct output *, const struct record *);

/* The sink of one of them, open or not.  NULL: number is FILES_OPEN. */
struct sink *files_sink(struct files *, size_t number);

/* Close all but output->sink, which may be NULL. */
void files_close_others(struct output *);

/* Close all and free.  false: a close(2) has failed, now or before. */
bool files_free(struct output *);

#endif
