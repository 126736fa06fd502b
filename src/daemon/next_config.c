/* SPDX-License-Identifier: MIT */
#include "daemon/next_config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"

#define PATIENCE_MS 2000
#define LOOK_MS 5

/* By its name: a new version may stand there by now.  Returns 0 or an errno. */
static int
start(char *path, pid_t *pid)
{
	char test[] = "-t", config[] = "-c";
	char *const arguments[] = { program_invocation_name, test, config, path,
				    NULL };
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

/* Its exit code; -1: it has none, or takes too long. */
static int
wait_for(pid_t pid)
{
	long long until_ms = clock_now_ms() + PATIENCE_MS;
	int status = -1;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (clock_now_ms() >= until_ms) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return -1;
		}
		clock_sleep_ms(LOOK_MS);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool
next_config_is_refused(const char *path)
{
	char *copy = path ? strdup(path) : NULL;
	bool refuses = false;
	pid_t pid;

	if (copy && start(copy, &pid) == 0)
		refuses = wait_for(pid) == EX_CONFIG;
	free(copy);
	return refuses;
}
