/* SPDX-License-Identifier: MIT */
/*
 * top_screen: rows on a terminal, by ncurses, and its keys.  One screen a
 * process; main thread.
 */
#ifndef PORTLOG_CLIENT_TOP_SCREEN_H
#define PORTLOG_CLIENT_TOP_SCREEN_H

#include <stdbool.h>

#include "client/top_rows.h"

enum top_sort { TOP_RATE, TOP_BYTES, TOP_SINCE, TOP_IDLE, TOP_SORTS };

/* What the keys have chosen. */
struct top_screen {
	enum top_sort sort;
	char filter[64]; /* peers and listeners with this text; "": all */
	bool is_typing;  /* that text */
	bool has_help;
	bool has_ended;
	size_t first; /* peer that is shown */
};

/* Whether this program was built with ncurses. */
bool top_screen_exists(void);

/* false: this is no terminal that it knows; logged. */
bool top_screen_open(void);
void top_screen_close(void);

/* Draw all; error: why there is no news, or NULL. */
void top_screen_draw(const struct top_screen *, struct top *,
		     const char *error);

/*
 * Wait for a key, so many milliseconds at the most, and do as it says.  false:
 * there came none.
 */
bool top_screen_key(struct top_screen *, int timeout_ms);

#endif
