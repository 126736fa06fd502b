/* SPDX-License-Identifier: MIT */
#include "system/unix_sockets.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static_assert(CONFIG_UNIX_PATH == sizeof((struct sockaddr_un){ 0 }.sun_path),
	      "a path of another size than the kernel takes");
static_assert(UNIX_CONTROL == CMSG_SPACE(sizeof(struct ucred)),
	      "credentials of another size");

static struct sockaddr_un
address_of(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	return address;
}

/*
 * Whether no socket lives at the path any more.  To one of another type the
 * kernel refuses to connect (EPROTOTYPE): this disturbs nobody.
 */
static bool
is_left_behind(const char *path)
{
	struct sockaddr_un address = address_of(path);
	bool is_refused;
	int fd;

	if (unix_inode(path) == 0)
		return false;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	is_refused =
		connect(fd, (struct sockaddr *)&address, sizeof address) != 0 &&
		errno == ECONNREFUSED;
	close(fd);
	return is_refused;
}

static bool
bind_to_path(int fd, const char *path)
{
	struct sockaddr_un address = address_of(path);
	int result = bind(fd, (struct sockaddr *)&address, sizeof address);

	if (result != 0 && errno == EADDRINUSE) {
		if (is_left_behind(path) && unlink(path) == 0)
			return bind(fd, (struct sockaddr *)&address,
				    sizeof address) == 0;
		errno = EADDRINUSE;
	}
	return result == 0;
}

/* The file appears without a mode, so that nobody connects too early. */
const char *
unix_bind(int fd, const struct listener_config *config)
{
	const char *path = config->path, *failed = NULL;
	int error;

	if (fchmod(fd, 0) != 0 || !bind_to_path(fd, path))
		return "listen on";
	if (config->group && chown(path, (uid_t)-1, config->group_id) != 0)
		failed = "set the group of";
	else if (chmod(path, config->mode) != 0)
		failed = "set the mode of";
	error = errno;
	if (failed)
		unlink(path);
	errno = error;
	return failed;
}

ino_t
unix_inode(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0 && S_ISSOCK(status.st_mode)
		     ? status.st_ino
		     : 0;
}

void
unix_remove_path(const char *path, ino_t inode)
{
	if (inode != 0 && unix_inode(path) == inode)
		unlink(path);
}

void
unix_get_path(int fd, char path[CONFIG_UNIX_PATH])
{
	struct sockaddr_un address = { 0 };
	socklen_t size = sizeof address;

	getsockname(fd, (struct sockaddr *)&address, &size);
	snprintf(path, CONFIG_UNIX_PATH, "%.*s", CONFIG_UNIX_PATH - 1,
		 address.sun_path);
}

bool
unix_has_path(int fd, const char *path)
{
	char own[CONFIG_UNIX_PATH];

	unix_get_path(fd, own);
	return strcmp(own, path) == 0;
}

bool
unix_is_socket(int fd)
{
	int domain = 0;
	socklen_t size = sizeof domain;

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
	       domain == AF_UNIX;
}

static bool
turn_on(int fd, int option)
{
	int on = 1;

	return setsockopt(fd, SOL_SOCKET, option, &on, sizeof on) == 0;
}

bool
unix_set_datagram(int fd)
{
	return turn_on(fd, SO_TIMESTAMPNS) && turn_on(fd, SO_PASSCRED);
}

void
unix_set_accepted(int fd, struct address *peer)
{
	/* Read urgent data like any other: TCP inherits this. */
	turn_on(fd, SO_OOBINLINE);
	unix_get_peer(fd, peer);
}

void
unix_get_peer(int fd, struct address *peer)
{
	struct ucred process = { 0 };
	socklen_t size = sizeof process;

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &process, &size);
	address_set_process(peer, process.uid, process.pid);
}

bool
unix_read_sender(const struct cmsghdr *message, struct address *sender)
{
	struct ucred process;

	if (message->cmsg_level != SOL_SOCKET ||
	    message->cmsg_type != SCM_CREDENTIALS)
		return false;
	memcpy(&process, CMSG_DATA(message), sizeof process);
	address_set_process(sender, process.uid, process.pid);
	return true;
}
