/* SPDX-License-Identifier: MIT */
#include "daemon/restart_check.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/diag.h"
#include "daemon/restart_checker.h"

/* Longer than the check may take. */
#define ANSWER_MS 6000

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

int
restart_check_prepare(char *const arguments[])
{
	int pair[2];
	pid_t pid;
	char ready;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return -1;
	pid = fork();
	if (pid == 0)
		restart_checker_run(pair[1], arguments);
	close(pair[1]);
	/* From then on what we close is closed. */
	if (pid > 0 && recv(pair[0], &ready, 1, 0) == 1)
		return pair[0];
	close(pair[0]);
	return -1;
}

/* With the name that systemd will have for it. */
static bool
send_listener(int fd, const struct listener *l)
{
	union control control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)),
					      .cmsg_level = SOL_SOCKET,
					      .cmsg_type = SCM_RIGHTS } };
	char name[FDSTORE_NAME];
	struct iovec data = { name, 0 };
	const struct msghdr message = { .msg_iov = &data,
					.msg_iovlen = 1,
					.msg_control = &control,
					.msg_controllen = sizeof control };

	fdstore_name(name, l->store_name[0] ? l->store_name : l->name);
	data.iov_len = strlen(name) + 1;
	memcpy(CMSG_DATA(&control.header), &l->socket.fd, sizeof(int));
	return sendmsg(fd, &message, MSG_NOSIGNAL) > 0;
}

/* One that is absent has no socket; nor has a thread without one. */
static bool
send_all(int fd, const struct listeners *ls)
{
	for (size_t i = 0; i < ls->count; i++)
		if (!ls->list[i].is_absent && ls->list[i].socket.fd >= 0 &&
		    !send_listener(fd, &ls->list[i]))
			return false;
	return send(fd, "", 1, MSG_NOSIGNAL) == 1;
}

/* false: errno. */
static bool
receive(int fd, bool *is_good)
{
	struct pollfd answered = { .fd = fd, .events = POLLIN };
	char answer;

	errno = ETIMEDOUT;
	if (poll(&answered, 1, ANSWER_MS) <= 0)
		return false;
	errno = ESRCH;
	if (recv(fd, &answer, 1, 0) != 1)
		return false;
	*is_good = answer;
	return true;
}

bool
restart_check(int fd, const struct listeners *ls)
{
	bool is_good = false;

	if (!send_all(fd, ls) || !receive(fd, &is_good))
		diag(LOG_ERR, "the next start may fail: cannot check it: %s",
		     strerror(errno));
	return is_good;
}
