/* SPDX-License-Identifier: MIT */
#include "daemon/restart_checker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/memory.h"
#include "base/program.h"
#include "system/fdstore.h"

#define PATIENCE_MS 5000
#define LOOK_MS 5

/* Of those that a service manager passes (sd_listen_fds(3)); here our own. */
#define FIRST_FD 3

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

/* What the next check is started with; the sockets in order of their numbers.
 */
struct checker {
	int fd;
	int *fds;
	size_t fd_count;
	FILE *names_out;
	char *names; /* "LISTEN_FDNAMES=a:b" */
	size_t names_size;
};

/* What it is started with beside that; each part NULL or allocated. */
struct start {
	char **arguments, **environment;
	char *count, *pid; /* of the environment */
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
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

/* sd_listen_fds(3), but that the child has to put its own process ID in. */
static bool
set_environment(struct start *s, const struct checker *c)
{
	size_t count = length(environ), used = 0;

	s->environment = calloc(count + 4, sizeof *s->environment);
	if (!s->environment ||
	    asprintf(&s->count, "LISTEN_FDS=%zu", c->fd_count) < 0 ||
	    asprintf(&s->pid, "LISTEN_PID=%d", (int)getpid()) < 0)
		return false;
	/* Without those by which systemd passed the daemon its sockets. */
	for (size_t i = 0; i < count; i++)
		if (strncmp(environ[i], "LISTEN_", 7) != 0)
			s->environment[used++] = environ[i];
	s->environment[used++] = c->names;
	s->environment[used++] = s->count;
	s->environment[used] = s->pid;
	return true;
}

/*
 * A descriptor that is received gets the first free number, which is above that
 * of our own socket, FIRST_FD.  So each has a higher one than the child is to
 * have, and none takes the place of one that comes later.
 */
static void
set_fds(struct start *s, const struct checker *c)
{
	for (size_t i = 0; i < c->fd_count; i++)
		posix_spawn_file_actions_adddup2(&s->actions, c->fds[i],
						 FIRST_FD + (int)i);
}

static bool
prepare(struct start *s, char *const arguments[], const struct checker *c)
{
	sigset_t none;

	sigemptyset(&none);
	posix_spawnattr_setflags(&s->attributes, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&s->attributes, &none);
	set_fds(s, c);
	return set_arguments(s, arguments) && set_environment(s, c);
}

static void
clean_up(struct start *s)
{
	free(s->count);
	free(s->pid);
	free(s->environment);
	free(s->arguments);
	posix_spawn_file_actions_destroy(&s->actions);
	posix_spawnattr_destroy(&s->attributes);
}

/* By its name: a new version may stand there by now.  Returns 0 or an errno. */
static int
start(char *const arguments[], const struct checker *c, pid_t *pid)
{
	struct start s = { 0 };
	int error;

	posix_spawnattr_init(&s.attributes);
	posix_spawn_file_actions_init(&s.actions);
	errno = ENOMEM;
	error = prepare(&s, arguments, c)
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

static bool
run(char *const arguments[], const struct checker *c)
{
	pid_t pid = -1;
	int error = start(arguments, c, &pid);

	if (error == 0)
		return wait_for(pid);
	diag(LOG_ERR, "the next start fails: cannot run %s: %s", arguments[0],
	     strerror(error));
	return false;
}

/* Take the listener of a message; false: it is the order to run. */
static bool
take(struct checker *c, const char *name, const struct cmsghdr *header)
{
	if (!header || header->cmsg_type != SCM_RIGHTS)
		return false;
	c->fds = memory_append(c->fds, c->fd_count, sizeof *c->fds);
	memcpy(&c->fds[c->fd_count], CMSG_DATA(header), sizeof *c->fds);
	fprintf(c->names_out, "%s%s", c->fd_count > 0 ? ":" : "", name);
	c->fd_count++;
	return true;
}

/* false: the order to run is there, or *gone: the daemon has ended. */
static bool
receive(struct checker *c, bool *gone)
{
	union control control;
	char name[FDSTORE_NAME + 1] = "";
	struct iovec data = { name, sizeof name - 1 };
	struct msghdr message = { .msg_iov = &data,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof control };

	*gone = recvmsg(c->fd, &message, MSG_CMSG_CLOEXEC) <= 0;
	return !*gone && take(c, name, CMSG_FIRSTHDR(&message));
}

/* Returns whether there was an order. */
static bool
serve(struct checker *c, char *const arguments[])
{
	bool gone;
	char answer;

	c->names_out = open_memstream(&c->names, &c->names_size);
	if (!c->names_out)
		return false;
	fputs("LISTEN_FDNAMES=", c->names_out);
	while (receive(c, &gone))
		;
	if (gone || fclose(c->names_out) != 0)
		return false;
	answer = run(arguments, c);
	while (c->fd_count > 0)
		close(c->fds[--c->fd_count]);
	free(c->names);
	return send(c->fd, &answer, 1, MSG_NOSIGNAL) == 1;
}

/*
 * Nothing that it holds may outlive the daemon, nor keep the log's reader from
 * its end.  Of a kernel before 5.9, close all that may be open one by one.
 */
static bool
leave_descriptors(int *fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	size_t last = program_raise_fd_limit();

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(null, STDOUT_FILENO) < 0 || dup3(*fd, FIRST_FD, O_CLOEXEC) < 0)
		return false;
	*fd = FIRST_FD;
	if (syscall(SYS_close_range, FIRST_FD + 1, ~0U, 0) != 0)
		for (int i = FIRST_FD + 1; (size_t)i < last; i++)
			close(i);
	return true;
}

void
restart_checker_run(int fd, char *const arguments[])
{
	struct checker checker = { 0 };

	if (leave_descriptors(&fd) && send(fd, "", 1, MSG_NOSIGNAL) == 1) {
		checker.fd = fd;
		while (serve(&checker, arguments))
			;
	}
	_exit(EXIT_SUCCESS);
}
