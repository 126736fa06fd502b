/* SPDX-License-Identifier: MIT */
/* portlog metrics: what Prometheus is told of a daemon. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/memory.h"
#include "base/program.h"
#include "client/answer.h"
#include "client/command.h"
#include "client/metrics.h"
#include "config/config.h"

static const char usage[] = "usage: portlog metrics [-o FILE] [-s SOCKET]\n";

static const char help[] =
	"Prints the metrics of portlogd, as Prometheus reads them.\n"
	"\n"
	"  -o FILE    to a file, which is replaced once all is written\n"
	"  -s SOCKET  by default\n"
	"             " STATUS_SOCKET_DEFAULT "\n"
	"  -h         this help\n"
	"\n"
	"Where portlogd does not answer, portlog_up is 0, and the exit code 1. "
	" "
	"See\nportlog(1).\n";

/* Who reads it sees the old file or the new one.  false: errno. */
static bool
write_beside(int fd, const char *beside, const char *path,
	     const struct buffer *out)
{
	size_t done = 0;

	while (done < out->size) {
		ssize_t size = write(fd, out->data + done, out->size - done);

		if (size < 0 && errno != EINTR)
			return false;
		done += size > 0 ? (size_t)size : 0;
	}
	return fchmod(fd, 0644) == 0 && fsync(fd) == 0 &&
	       rename(beside, path) == 0;
}

static bool
replace_file(const char *path, const struct buffer *out)
{
	char *beside;
	int fd, error;
	bool is_done;

	/* Not "*.prom": node_exporter would read it. */
	if (asprintf(&beside, "%s.XXXXXX", path) < 0)
		memory_missing();
	fd = mkstemp(beside);
	is_done = fd >= 0 && write_beside(fd, beside, path, out);
	error = errno;
	if (fd >= 0) {
		close(fd);
		if (!is_done)
			unlink(beside);
	}
	if (!is_done)
		diag(LOG_ERR, "cannot write %s: %s", path, strerror(error));
	free(beside);
	return is_done;
}

/* Returns an exit code. */
static int
run(const char *socket, const char *path)
{
	struct answer answer = { 0 }, none = { 0 };
	struct buffer out = { 0 };
	bool is_up, is_written = true;

	if (!answer_is_readable())
		return EXIT_FAILURE;
	is_up = answer_ask(&answer, socket, "status");
	metrics_put(is_up ? &answer : &none, &out);
	if (path)
		is_written = replace_file(path, &out);
	else
		program_write_out(&out);
	buffer_free(&out);
	answer_free(&answer);
	answer_free(&none);
	return is_up && is_written ? EX_OK : EXIT_FAILURE;
}

int
command_metrics(int argc, char **argv)
{
	const char *socket = STATUS_SOCKET_DEFAULT, *path = NULL;
	int option;

	while ((option = command_option(argc, argv, "o:s:h", NULL)) != -1) {
		switch (option) {
		case 'o':
			path = optarg;
			break;
		case 's':
			socket = optarg;
			break;
		case 'h':
			printf("%s\n%s", usage, help);
			return EX_OK;
		default:
			return program_misused(usage, NULL);
		}
	}
	if (optind < argc)
		return program_misused(usage,
				       "found \"%s\", expected options only",
				       argv[optind]);
	return run(socket, path);
}
