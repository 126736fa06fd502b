/* SPDX-License-Identifier: MIT */
#include "daemon/restart_check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/memory.h"

#define PATIENCE_MS 5000
#define LOOK_MS 5

/* --test=full and these arguments; free it, but not what it points to. */
static char **
test_arguments(char *const arguments[])
{
	static char test[] = "--test=full";
	char **copy;
	size_t count = 0;

	while (arguments[count])
		count++;
	copy = memory_zeroed(count + 2, sizeof *copy);
	copy[0] = arguments[0];
	copy[1] = test;
	memcpy(copy + 2, arguments + 1, (count - 1) * sizeof *copy);
	return copy;
}

/* By its name: a new version may stand there by now.  Returns 0 or an errno. */
static int
start(char *const arguments[], pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	int error;

	sigemptyset(&none);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawn_file_actions_init(&actions);
	/* Ours may be the log. */
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null",
					 O_WRONLY, 0);
	error = posix_spawnp(pid, arguments[0], &actions, &attributes,
			     arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return error;
}

static bool
is_good(int status)
{
	if (WIFSIGNALED(status))
		diag(LOG_ERR,
		     "the next start fails: the check of it was "
		     "killed by signal %d",
		     WTERMSIG(status));
	else if (WEXITSTATUS(status) != EXIT_SUCCESS)
		diag(LOG_ERR,
		     "the next start fails: the check of it ended "
		     "with exit code %d",
		     WEXITSTATUS(status));
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

static bool
wait_for(pid_t pid)
{
	long long until_ms = clock_now_ms() + PATIENCE_MS;
	int status = 0;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (clock_now_ms() >= until_ms) {
			/* A file system may keep it for longer: do not wait. */
			kill(pid, SIGKILL);
			diag(LOG_ERR, "the next start may fail: the check of "
				      "it does not end");
			return false;
		}
		clock_sleep_ms(LOOK_MS);
	}
	return is_good(status);
}

bool
restart_check(char *const arguments[])
{
	char **test = test_arguments(arguments);
	pid_t pid;
	int error = start(test, &pid);

	free(test);
	if (error == 0)
		return wait_for(pid);
	diag(LOG_ERR, "the next start fails: cannot run %s: %s", arguments[0],
	     strerror(error));
	return false;
}
