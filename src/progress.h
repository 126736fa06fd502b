/* SPDX-License-Identifier: MIT */
/* progress: how far a long command is, on stderr if that is a terminal. */
#ifndef PORTLOG_PROGRESS_H
#define PORTLOG_PROGRESS_H

#include <stdbool.h>

struct progress {
	bool is_wanted, is_shown;
	long long started_ms, next_ms;
};

void progress_start(struct progress *);

/* Show it, after a second and twice a second from then on. */
void progress_show(struct progress *, unsigned long long lines,
		   unsigned long long bytes);

/* Take it off the screen. */
void progress_end(struct progress *);

#endif
