/* SPDX-License-Identifier: MIT */
#include "daemon/status.h"

#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/memory.h"
#include "base/thread.h"
#include "system/unix_sockets.h"

/* Requests at one time; who comes then waits in the queue. */
#define REQUESTS 8
#define QUEUE 64

/* Never freed: its threads end with the process. */
struct status {
	struct gate gate;
	struct status_view view;
	char *path;
	ino_t inode;
	int fd;
	sem_t room; /* for more requests */
};

/* A request and where it is from, for its thread. */
struct task {
	struct status *status;
	struct status_request *request;
};

static void *
request_main(void *argument)
{
	struct task task = *(struct task *)argument;
	char line[STATUS_REQUEST_LINE];

	free(argument);
	thread_name("request", "");
	if (status_request_read(task.request, line))
		status_answer(&task.status->view, task.request, line);
	status_request_free(task.request);
	sem_post(&task.status->room);
	return NULL;
}

/* false: no memory or no thread; the client sees the end of the stream. */
static bool
start_request(struct status *s, int fd)
{
	struct status_request *request = status_request_new(fd);
	struct task *task = malloc(sizeof *task);

	if (request && task) {
		*task = (struct task){ .status = s, .request = request };
		if (thread_start(NULL, request_main, task) == 0)
			return true;
	}
	if (request)
		status_request_free(request);
	free(task);
	return false;
}

static void *
status_main(void *argument)
{
	struct status *s = argument;

	thread_name("status", "");
	for (;;) {
		int fd;

		while (sem_wait(&s->room) != 0)
			;
		fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0 && start_request(s, fd))
			continue;
		sem_post(&s->room);
		if (fd < 0)
			clock_sleep_ms(100); /* no descriptor, most likely */
	}
	return NULL;
}

/*
 * The default is for the service, which has its directory; others need not be
 * told that they have not.
 */
static void
log_failure(const char *path, const char *action)
{
	bool is_usual = strcmp(path, STATUS_SOCKET_DEFAULT) == 0 &&
			(errno == ENOENT || errno == ENOTDIR ||
			 errno == EACCES || errno == EROFS);

	diag(is_usual ? LOG_DEBUG : LOG_WARNING,
	     "status socket: cannot %s %s: %s; going on without", action, path,
	     errno == EADDRINUSE ? "another process has it" : strerror(errno));
}

static bool
bind_socket(struct status *s)
{
	const struct listener_config config = { .path = s->path, .mode = 0660 };
	const char *failed = "listen on";

	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd >= 0)
		failed = unix_bind(s->fd, &config);
	if (!failed && listen(s->fd, QUEUE) != 0) {
		failed = "listen on";
		unlink(s->path);
	}
	if (!failed) {
		s->inode = unix_inode(s->path);
		return true;
	}
	log_failure(s->path, failed);
	if (s->fd >= 0)
		close(s->fd);
	return false;
}

struct status *
status_open(const struct status_view *view)
{
	const char *path = view->listeners->config->status_socket;
	struct status *s;

	if (!*path)
		return NULL;
	s = memory_zeroed(1, sizeof *s);
	s->path = memory_copy(path);
	gate_init(&s->gate);
	gate_enter(&s->gate);
	s->view = *view;
	s->view.gate = &s->gate;
	sem_init(&s->room, 0, REQUESTS);
	if (bind_socket(s)) {
		errno = thread_start(NULL, status_main, s);
		if (errno == 0)
			return s;
		log_failure(path, "serve");
		unix_remove_path(path, s->inode);
		close(s->fd);
	}
	free(s->path);
	free(s);
	return NULL;
}

void
status_leave(struct status *s)
{
	if (s)
		gate_leave(&s->gate);
}

void
status_enter(struct status *s)
{
	if (s)
		gate_enter(&s->gate);
}

void
status_close(struct status *s)
{
	if (s)
		unix_remove_path(s->path, s->inode);
}
