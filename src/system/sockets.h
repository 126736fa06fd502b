/* SPDX-License-Identifier: MIT */
/* sockets: the listening sockets, bound and with their options set. */
#ifndef PORTLOG_SYSTEM_SOCKETS_H
#define PORTLOG_SYSTEM_SOCKETS_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

/* The descriptor of a listener, and what the kernel made of it. */
struct bound {
	int fd;
	struct address address;
	unsigned receive_buffer; /* UDP: granted, in bytes, as setsockopt counts
				  */
};

/*
 * Bind what the configuration asks for: TCP listens, without blocking, and its
 * connections inherit keepalive; UDP tells the time of each datagram and what
 * was dropped.  beside: where sockets_share_port() allows it; the port may be
 * in use then.  false: it could not, and stderr was told why.
 */
bool sockets_bind(const struct listener_config *, unsigned backlog, bool beside,
		  struct bound *);

/*
 * The same in silence: NULL, or what could not be done, which errno and then
 * sockets_failed() tell; that returns false.
 */
const char *sockets_try(const struct listener_config *, unsigned backlog,
			bool beside, struct bound *);
bool sockets_failed(const struct listener_config *, const char *action);

/* Let another UDP socket have its port too: it is about to leave it. */
void sockets_share_port(int fd);

/*
 * The same with a socket that another process has bound and passed to us, and
 * whose door it may have closed.
 */
bool sockets_adopt(int fd, const struct listener_config *, unsigned backlog,
		   struct bound *);

/* The interface that a socket is bound to; "": to none. */
void sockets_get_interface(int fd, char interface[IF_NAMESIZE]);

/*
 * Whether somebody has begun to tell what a UDP socket drops: all that it has
 * dropped before is to be told by the first who does.  To bind or to adopt one
 * is to begin, unless that is undone.
 */
bool sockets_is_counted(int fd);
void sockets_leave_uncounted(int fd);

/*
 * Close a connection so that its peer sees the end of the stream, which says
 * that all was taken.  If the process dies first the peer sees a reset.
 */
void sockets_close(int fd);

/* Let its peer see that end while others hold the socket too. */
void sockets_send_fin(int fd);

/*
 * Close the door: from now on the kernel takes nothing more for this socket,
 * and what it holds can be read to its end.  TCP acknowledges nothing of what
 * comes, so that it stays the sender's; UDP counts it as dropped.
 */
void sockets_block_input(int fd);

/*
 * Wait until whatever the kernel was about to queue when a door was closed or
 * a port left is in its queue.  Takes some milliseconds.
 */
void sockets_wait_for_inflight(void);

/* Undo it, so that a peer gets an answer from the socket that is closed. */
void sockets_unblock_input(int fd);

/*
 * How many bytes of its stream the kernel has given out to whoever has read
 * from this connection.  Where it is no more, *error is why, if that is one for
 * who reads: the kernel tells it once, so recv() will not.
 */
uint64_t sockets_bytes_delivered(int fd, int *error);

/* How many connections wait to be accepted from a TCP listener. */
unsigned sockets_pending(int fd);

/*
 * Leave the port of a UDP socket: what comes from now on is refused as if the
 * socket were closed (ICMP tells its sender), and what the kernel holds can be
 * read to its end.  false: it cannot be left, and nothing has changed.
 */
bool sockets_leave_port(int fd);

/* How many datagrams the kernel has dropped on this socket, modulo 2^32. */
uint32_t sockets_dropped(int fd);

#endif
