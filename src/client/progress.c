/* SPDX-License-Identifier: MIT */
#include "client/progress.h"

#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"

#define FIRST_MS 1000
#define EVERY_MS 500

/* To the first column, and erase the line. */
#define ERASE "\r\033[K"

static void
show(struct progress *p)
{
	const double mebibyte = 1048576;
	double bytes = (double)p->bytes;
	double seconds = (double)(clock_now_ms() - p->started_ms) / 1000;

	p->is_shown = true;
	fprintf(stderr, ERASE "%llu lines  %.1f MiB  %.1f MiB/s", p->lines,
		bytes / mebibyte, bytes / mebibyte / seconds);
}

static void *
run(void *progress)
{
	struct progress *p = progress;
	struct pollfd end = { .fd = p->end, .events = POLLIN };

	for (int wait_ms = FIRST_MS; poll(&end, 1, wait_ms) != 1;
	     wait_ms = EVERY_MS)
		show(p);
	return NULL;
}

void
progress_start(struct progress *p)
{
	p->started_ms = clock_now_ms();
	if (!isatty(STDERR_FILENO) || isatty(STDIN_FILENO))
		return;
	p->end = eventfd(0, EFD_CLOEXEC);
	if (p->end < 0)
		return;
	p->is_running = thread_start(&p->thread, run, p) == 0;
	if (!p->is_running)
		close(p->end);
}

void
progress_hide(struct progress *p)
{
	if (atomic_exchange(&p->is_shown, false))
		fputs(ERASE, stderr);
}

void
progress_end(struct progress *p)
{
	if (!p->is_running)
		return;
	p->is_running = false;
	eventfd_write(p->end, 1);
	pthread_join(p->thread, NULL);
	close(p->end);
	progress_hide(p);
}
