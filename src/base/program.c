/* SPDX-License-Identifier: MIT */
#include "base/program.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/diag.h"

int
program_misused(const char *usage, const char *format, ...)
{
	if (format) {
		char text[512];
		va_list arguments;

		va_start(arguments, format);
		vsnprintf(text, sizeof text, format, arguments);
		va_end(arguments);
		diag(LOG_ERR, "%s", text);
	}
	fputs(usage, stderr);
	return EX_USAGE;
}

int
program_flush_stdout(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EX_OK;
	diag(LOG_ERR, "cannot write to stdout");
	return EXIT_FAILURE;
}

void
program_write_out(struct buffer *out)
{
	for (size_t done = 0; done < out->size;) {
		ssize_t size = write(STDOUT_FILENO, out->data + done,
				     out->size - done);

		if (size >= 0) {
			done += (size_t)size;
		} else if (errno != EINTR) {
			diag(LOG_ERR, "standard output: %s", strerror(errno));
			exit(EXIT_FAILURE);
		}
	}
	out->size = 0;
}

size_t
program_raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return SIZE_MAX;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	return (size_t)limit.rlim_cur;
}
