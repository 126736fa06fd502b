/* SPDX-License-Identifier: MIT */
#include "base/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/journal_stream.h"

/* A pipe that poll(2) calls writable takes a page at once. */
#define LINE_BYTES 4096
#define TEXT_BYTES (LINE_BYTES / ESCAPE_GROWTH - 64)
#define MAX_WAIT_MS 200
#define INTERVAL_S 60 /* between two lines of one diag_limit */

static const char *program_name = "diag"; /* until diag_init() */
static bool is_verbose, is_journal;
static atomic_bool is_stalled;
static char last_error[256]; /* of the main thread */

/*
 * The parent may have closed some of 0, 1 and 2; the next files to be opened
 * would take their places.  /dev/null is opened for reading only, so that a
 * missing stdout is still found when an output is to write to it.
 */
static void
occupy_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

void
diag_init(const char *program)
{
	occupy_standard_descriptors();
	program_name = program;
	is_journal = journal_stream_is(STDERR_FILENO);
}

void
diag_be_verbose(void)
{
	is_verbose = true;
}

static void
keep_error(const char *text)
{
	size_t size = strlen(text);

	last_error[escape(last_error, sizeof last_error - 1,
			  (const unsigned char *)text, &size)] = '\0';
}

const char *
diag_last_error(void)
{
	return last_error;
}

/* A negative priority: the line of diag_plain(), an error to the journal. */
static void
write_line(int priority, const char *text)
{
	char line[LINE_BYTES];
	struct pollfd writable = { .fd = STDERR_FILENO, .events = POLLOUT };
	size_t size = strlen(text), used = 0;

	if (priority <= LOG_ERR && gettid() == getpid())
		keep_error(text);

	if (is_journal)
		used = (size_t)snprintf(line, 8, "<%d>",
					priority >= 0 ? priority : LOG_ERR);
	else if (priority >= 0)
		used = (size_t)snprintf(line, 128, "%.64s: ", program_name);
	used += escape(line + used, sizeof line - used - 1,
		       (const unsigned char *)text, &size);
	line[used++] = '\n';
	/* After one wait in vain, log only what stderr takes at once. */
	is_stalled = poll(&writable, 1, is_stalled ? 0 : MAX_WAIT_MS) != 1;
	if (!is_stalled && write(STDERR_FILENO, line, used) < 0)
		return; /* an error of stderr cannot be logged */
}

void
diag(int priority, const char *format, ...)
{
	char text[TEXT_BYTES];
	int error = errno;
	va_list arguments;

	if (priority == LOG_DEBUG && !is_verbose)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	write_line(priority, text);
	errno = error;
}

void
diag_plain(const char *format, ...)
{
	char text[TEXT_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	write_line(-1, text);
}

void
diag_limited(struct diag_limit *limit, int priority, const char *format, ...)
{
	char text[TEXT_BYTES];
	int error = errno, used;
	unsigned suppressed;
	long long next = atomic_load(&limit->next_s);
	struct timespec now;
	va_list arguments;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec < next ||
	    !atomic_compare_exchange_strong(&limit->next_s, &next,
					    now.tv_sec + INTERVAL_S)) {
		atomic_fetch_add(&limit->suppressed, 1);
		return;
	}
	suppressed = atomic_exchange(&limit->suppressed, 0);
	va_start(arguments, format);
	errno = error;
	used = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (suppressed > 0 && used > 0 && (size_t)used < sizeof text)
		snprintf(text + used, sizeof text - (size_t)used,
			 " (and %u times since this was last told)",
			 suppressed);
	write_line(priority, text);
	errno = error;
}
