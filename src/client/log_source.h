/* SPDX-License-Identifier: MIT */
/*
 * log_source: one log, with its rotated files and what is still written to it,
 * as one stream of lines.  Without memory the process ends.  One thread; no
 * call waits for lines that are not written yet.
 */
#ifndef PORTLOG_CLIENT_LOG_SOURCE_H
#define PORTLOG_CLIENT_LOG_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "client/input.h"
#include "client/lines.h"
#include "client/log_filter.h"
#include "client/log_parts.h"
#include "client/log_view.h"

struct log_source {
	char *path;                      /* owned */
	const struct log_filter *filter; /* borrowed */
	struct finder finder;            /* of what it wants */
	bool follows;
	struct log_parts parts; /* of before the file at the path */
	size_t part;            /* the next of them */
	off_t begin;            /* where to begin in the next file */
	struct input input;     /* fd -1: none is open */
	struct lines lines;
	int next;      /* the file at the path, open but not read yet; or -1 */
	bool is_live;  /* what is open is the file at the path */
	bool was_live; /* no other is to be opened, but when it is replaced */
	bool is_awaited;  /* there is none yet, which was logged */
	struct stat file; /* the live one, as it was when it was opened */
	bool is_ended;    /* behind the time that is wanted */
	bool has_failed;  /* some could not be read, which was logged */
	size_t late;      /* bytes of lines in a row that are too late */
	unsigned long long foreign; /* lines that are none of a log */
	size_t held;                /* of a line that is not finished */
	long long held_since_ms;    /* 0: it was shown */
	/* The next line that is wanted: */
	bool has_line;
	bool is_unfinished; /* no LF ends it */
	struct log_view view;
	struct buffer rendered;
};

/*
 * The file at the path from its first line on, and, if it follows, what is
 * written later too.  The path is copied.
 */
void log_source_init(struct log_source *, const char *path,
		     const struct log_filter *, bool follows);

/*
 * Before the first line: begin with the rotated files, at the time from which
 * on the filter wants lines; or so late that as many that are wanted are left.
 */
void log_source_begin(struct log_source *);
void log_source_begin_last(struct log_source *, size_t lines);

/* Have the next line in view.  false: there is none (yet). */
bool log_source_next(struct log_source *);

/* See whether the file at the path was replaced, or was cut. */
void log_source_check(struct log_source *);

/*
 * A line that was begun a second ago and has no end: have it in view, once.
 * It comes again when it has its end.
 */
bool log_source_next_unfinished(struct log_source *, long long now_ms);

void log_source_close(struct log_source *);

#endif
