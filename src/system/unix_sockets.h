/* SPDX-License-Identifier: MIT */
/*
 * unix_sockets: what is special about listeners with a path (unix(7)).  No call
 * blocks, but on the file system of the path.
 */
#ifndef PORTLOG_SYSTEM_UNIX_SOCKETS_H
#define PORTLOG_SYSTEM_UNIX_SOCKETS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "config/config.h"

/*
 * Bind a socket to the path of a listener, with its mode and group whatever the
 * umask is.  A path that a process has left behind is replaced.  NULL: done.
 * Else errno and the action that failed.  Main thread.
 */
const char *unix_bind(int fd, const struct listener_config *);

/* Remove a path, if it still is this inode.  Main thread. */
void unix_remove_path(const char *path, ino_t inode);

/* The inode of the socket at a path; 0: there is none.  Any thread. */
ino_t unix_inode(const char *path);

/* Whether a socket is bound to this path.  Any thread. */
bool unix_has_path(int fd, const char *path);

/* The path that a socket is bound to. */
void unix_get_path(int fd, char path[CONFIG_UNIX_PATH]);

bool unix_is_socket(int fd);

/* Have each datagram come with its time and its sender.  false: errno. */
bool unix_set_datagram(int fd);

/* Set up a connection that was accepted, and get its peer.  Any thread. */
void unix_set_accepted(int fd, struct address *peer);

/*
 * The process at the other end of a connection, as it was when it connected;
 * that of a datagram, from its control message.  Any thread.
 */
void unix_get_peer(int fd, struct address *);
bool unix_read_sender(const struct cmsghdr *, struct address *);

/* Room for that message alone. */
#define UNIX_CONTROL CMSG_SPACE(3 * sizeof(int))

#endif
