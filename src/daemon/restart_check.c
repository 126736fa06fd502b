/* SPDX-License-Identifier: MIT */
#include "daemon/restart_check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"

#define PATIENCE_MS 5000
#define LOOK_MS 5

/* Of those that a service manager passes (sd_listen_fds(3)). */
#define FIRST_FD 3

/* What the child is started with; each part NULL or allocated. */
struct start {
	char **arguments, **environment;
	char *names, *count, *pid; /* of the environment */
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int *fds; /* duplicates that no number of the child's collides with */
	int fd_count;
};

static size_t
length(char *const list[])
{
	size_t count = 0;

	while (list[count])
		count++;
	return count;
}

static bool
set_arguments(struct start *s, char *const arguments[])
{
	static char test[] = "--test=full";
	size_t count = length(arguments);

	s->arguments = calloc(count + 2, sizeof *s->arguments);
	if (!s->arguments || count == 0)
		return false;
	s->arguments[0] = arguments[0];
	s->arguments[1] = test;
	memcpy(s->arguments + 2, arguments + 1,
	       (count - 1) * sizeof *s->arguments);
	return true;
}

/* As systemd will call the socket for the next process. */
static void
add_name(FILE *names, const struct listener *l)
{
	char name[FDSTORE_NAME];

	fdstore_name(name, l->name);
	fputs(l->store_name[0] ? l->store_name : name, names);
}

/* One that is absent has no socket. */
static bool
set_names(struct start *s, const struct listeners *ls)
{
	const char *colon = "";
	size_t size;
	FILE *names = open_memstream(&s->names, &size);

	if (!names)
		return false;
	fputs("LISTEN_FDNAMES=", names);
	for (size_t i = 0; i < ls->count; i++) {
		if (ls->list[i].is_absent)
			continue;
		fputs(colon, names);
		add_name(names, &ls->list[i]);
		colon = ":";
	}
	return fclose(names) == 0;
}

/* sd_listen_fds(3), but that the child has to put its own process ID in. */
static bool
set_environment(struct start *s, const struct listeners *ls)
{
	size_t count = length(environ);

	s->environment = calloc(count + 4, sizeof *s->environment);
	if (!s->environment || !set_names(s, ls) ||
	    asprintf(&s->count, "LISTEN_FDS=%d", s->fd_count) < 0 ||
	    asprintf(&s->pid, "LISTEN_PID=%d", (int)getpid()) < 0)
		return false;
	memcpy(s->environment, environ, count * sizeof *s->environment);
	s->environment[count] = s->names;
	s->environment[count + 1] = s->count;
	s->environment[count + 2] = s->pid;
	return true;
}

static bool
add_fd(struct start *s, int fd, int first_free)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, first_free);

	if (copy < 0)
		return false;
	s->fds[s->fd_count] = copy;
	posix_spawn_file_actions_adddup2(&s->actions, copy,
					 FIRST_FD + s->fd_count++);
	return true;
}

static bool
set_fds(struct start *s, const struct listeners *ls)
{
	int first_free = FIRST_FD + (int)ls->count;
	bool all = true;

	s->fds = calloc(ls->count, sizeof *s->fds);
	if (!s->fds)
		return false;
	for (size_t i = 0; i < ls->count; i++)
		if (!ls->list[i].is_absent)
			all &= add_fd(s, ls->list[i].socket.fd, first_free);
	return all;
}

static bool
prepare(struct start *s, char *const arguments[], const struct listeners *ls)
{
	sigset_t none;

	sigemptyset(&none);
	posix_spawnattr_setflags(&s->attributes, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&s->attributes, &none);
	/* Ours may be the log. */
	posix_spawn_file_actions_addopen(&s->actions, STDOUT_FILENO,
					 "/dev/null", O_WRONLY, 0);
	return set_arguments(s, arguments) && set_fds(s, ls) &&
	       set_environment(s, ls);
}

static void
clean_up(struct start *s)
{
	while (s->fd_count > 0)
		close(s->fds[--s->fd_count]);
	free(s->fds);
	free(s->names);
	free(s->count);
	free(s->pid);
	free(s->environment);
	free(s->arguments);
	posix_spawn_file_actions_destroy(&s->actions);
	posix_spawnattr_destroy(&s->attributes);
}

/* By its name: a new version may stand there by now.  Returns 0 or an errno. */
static int
start(char *const arguments[], const struct listeners *ls, pid_t *pid)
{
	struct start s = { 0 };
	int error;

	posix_spawnattr_init(&s.attributes);
	posix_spawn_file_actions_init(&s.actions);
	errno = ENOMEM;
	error = prepare(&s, arguments, ls)
		      ? posix_spawnp(pid, s.arguments[0], &s.actions,
				     &s.attributes, s.arguments, s.environment)
		      : errno;
	clean_up(&s);
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
restart_check(char *const arguments[], const struct listeners *ls)
{
	pid_t pid = -1;
	int error = start(arguments, ls, &pid);

	if (error == 0)
		return wait_for(pid);
	diag(LOG_ERR, "the next start fails: cannot run %s: %s", arguments[0],
	     strerror(error));
	return false;
}
