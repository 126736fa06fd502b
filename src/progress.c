/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#include "clock.h"

#define FIRST_MS 1000
#define EVERY_MS 500

/* Back to the first column, and off with what stands there. */
#define ERASE "\r\033[K"

void
progress_start(struct progress *p)
{
	*p = (struct progress){ .is_wanted = isatty(STDERR_FILENO),
				.started_ms = clock_now_ms() };
	p->next_ms = p->started_ms + FIRST_MS;
}

void
progress_show(struct progress *p, unsigned long long lines,
	      unsigned long long bytes)
{
	const double mebibyte = 1048576;
	long long now_ms;

	if (!p->is_wanted || (now_ms = clock_now_ms()) < p->next_ms)
		return;
	p->next_ms = now_ms + EVERY_MS;
	p->is_shown = true;
	fprintf(stderr, ERASE "%llu lines  %.1f MiB  %.1f MiB/s", lines,
		(double)bytes / mebibyte,
		(double)bytes / mebibyte * 1000 /
			(double)(now_ms - p->started_ms));
}

void
progress_end(struct progress *p)
{
	if (p->is_shown)
		fputs(ERASE, stderr);
	p->is_shown = false;
}
