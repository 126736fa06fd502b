/* SPDX-License-Identifier: MIT */
#include "system/socket_peer.h"

#include "system/unix_sockets.h"

int
sockets_accept(int fd, struct address *peer)
{
	int accepted;

	*peer = (struct address){ .size = sizeof peer->in6 };
	accepted = accept4(fd, &peer->any, &peer->size, SOCK_CLOEXEC);
	if (accepted >= 0 && peer->any.sa_family == AF_UNIX)
		unix_set_accepted(accepted, peer);
	return accepted;
}

bool
sockets_get_peer(int fd, struct address *peer)
{
	*peer = (struct address){ .size = sizeof peer->in6 };
	if (!unix_is_socket(fd))
		return getpeername(fd, &peer->any, &peer->size) == 0;
	unix_get_peer(fd, peer);
	return true;
}
