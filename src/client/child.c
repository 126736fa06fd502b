/* SPDX-License-Identifier: MIT */
#include "client/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

#define BLOCK_BYTES 4096
#define MOST_BYTES 1048576

/* 0, or an error. */
static int
spawn_with(pid_t *child, const char *program, char *const arguments[], int to)
{
	posix_spawn_file_actions_t actions;
	int error = posix_spawn_file_actions_init(&actions);

	if (error != 0)
		return error;
	error = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO,
						 "/dev/null", O_RDONLY, 0);
	if (error == 0)
		error = posix_spawn_file_actions_adddup2(&actions, to,
							 STDOUT_FILENO);
	if (error == 0)
		error = posix_spawn_file_actions_addopen(
			&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (error == 0)
		error = posix_spawnp(child, program, &actions, NULL, arguments,
				     environ);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

/* posix_spawn() takes no constants, and changes nothing. */
static int
spawn(pid_t *child, const char *const arguments[], int to)
{
	char **copies;
	size_t count = 1; /* the program */
	int error;

	while (arguments[count])
		count++;
	copies = memory_zeroed(count + 1, sizeof(char *));
	for (size_t i = 0; i < count; i++)
		copies[i] = memory_copy(arguments[i]);
	error = spawn_with(child, arguments[0], copies, to);
	for (size_t i = 0; i < count; i++)
		free(copies[i]);
	free(copies);
	return error;
}

/* Whether its output has come to its end in time. */
static bool
read_output(int fd, struct buffer *out, long long until_ms)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	ssize_t size = 1;

	while (size != 0 && out->size < MOST_BYTES) {
		long long left_ms = until_ms - clock_now_ms();

		if (left_ms <= 0)
			return false;
		if (poll(&ready, 1, (int)left_ms) <= 0)
			continue;
		size = read(fd, buffer_reserve(out, BLOCK_BYTES), BLOCK_BYTES);
		if (size > 0)
			out->size += (size_t)size;
		else if (size < 0 && errno != EINTR)
			return false;
	}
	return size == 0;
}

bool
child_run(const char *const arguments[], struct buffer *out, int timeout_ms)
{
	long long until_ms = clock_now_ms() + timeout_ms;
	int ends[2], error, status = 0;
	bool has_ended;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	error = spawn(&child, arguments, ends[1]);
	close(ends[1]);
	has_ended = error == 0 && read_output(ends[0], out, until_ms);
	close(ends[0]);
	if (error != 0)
		return false;
	if (!has_ended)
		kill(child, SIGKILL);
	waitpid(child, &status, 0);
	return has_ended && status == 0;
}
