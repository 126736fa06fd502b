/* SPDX-License-Identifier: MIT */
/*
 * sockets: bind the sockets of listeners, set their options, and ask the kernel
 * about them.  No call blocks on outputs; any thread may call them, unless the
 * comment says otherwise.
 *
 * The folder system/ is what the program asks of the kernel and of systemd:
 * sockets, the descriptors that systemd passes and keeps over a restart, the
 * state that is saved with them, and the service's notifications.
 */
#ifndef PORTLOG_SYSTEM_SOCKETS_H
#define PORTLOG_SYSTEM_SOCKETS_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

/* A bound socket. */
struct bound {
	int fd;
	struct address address;  /* with the port that the kernel chose for 0 */
	unsigned receive_buffer; /* UDP: granted bytes, without overhead */
	ino_t inode;             /* of a Unix socket's path */
};

/*
 * Bind a socket for a listener of the configuration.  It does not block.  A TCP
 * socket listens, and its connections inherit its options, such as keepalive; a
 * UDP socket reports the time with each datagram.
 *
 * beside: if the port is taken by a socket of this user on which
 * sockets_share_port() was called, bind all the same.  A UDP socket that is to
 * have several threads is bound without such company, and shares from then on:
 * the kernel sends all datagrams of a peer to one of those that share a port.
 *
 * NULL: done.  Else errno and the action that failed; pass that to
 * sockets_log_failure(), which logs both and returns false.
 */
const char *sockets_bind(const struct listener_config *, unsigned backlog,
			 bool beside, struct bound *);
bool sockets_log_failure(const struct listener_config *, const char *action);

/*
 * Bind a socket in the same way and close it again.  Meanwhile it takes nothing
 * from the network: TCP does not listen, and UDP has its input blocked.
 * Returns what sockets_bind() does.
 */
const char *sockets_try(const struct listener_config *);

/*
 * Whether bind(2) failed because the interface or address is not there.  It may
 * come, as those of a VPN do.
 */
bool sockets_is_absence(int error);

/*
 * Let another socket of this user bind the same port, before this one leaves
 * it.  sockets_adopt() ends that.
 */
void sockets_share_port(int fd);

/*
 * Set up a socket that another process has bound and passed to us, as
 * sockets_bind() does.  If its input was blocked, unblock it.  false: stderr
 * has the reason, and the socket stays open.
 */
bool sockets_adopt(int fd, const struct listener_config *, unsigned backlog,
		   struct bound *);

/*
 * Get the interface that a socket is bound to; "": none.  false: that is gone,
 * and the socket receives nothing any more.
 */
bool sockets_get_interface(int fd, char interface[IF_NAMESIZE]);

/*
 * Whether a process already reports the drops of a UDP socket: SO_RXQ_OVFL is
 * on.  The first process that does so also reports all earlier drops: it turns
 * this on once its state is stored, so that a kill before leaves these to the
 * next one.
 */
bool sockets_is_counted(int fd);
void sockets_count_drops(int fd);

/*
 * Close a connection so that its peer sees the end of the stream, not a reset:
 * this is the receipt that all records were written.  Without this call the
 * peer sees a reset, also when the process is killed.
 */
void sockets_close(int fd);

/*
 * The same where there are duplicates of the descriptor: send_fin sends the end
 * of the stream alone; end takes nothing of the peer any more either.  Neither
 * closes it.
 */
void sockets_send_fin(int fd);
void sockets_end(int fd);

/* Reset a connection, whatever duplicates there are.  Does not close it. */
void sockets_reset(int fd);

/* Let poll(2) sleep until so many bytes can be read, or nothing follows. */
void sockets_set_low_water(int fd, size_t bytes);

/*
 * Acknowledge now what a TCP connection has received, and at once what comes
 * next, rather than 40 ms later for want of an answer to send it with.
 */
void sockets_acknowledge(int fd);

/*
 * Leave the port of a UDP socket.  The kernel refuses what arrives from now on
 * as if the socket were closed: with an ICMP error to the sender, or EPIPE over
 * a Unix socket.  What is queued can still be read.  false: the kernel refused,
 * and nothing has changed.
 */
bool sockets_leave_port(int fd);

/*
 * Whether a datagram of IPv4 comes with the address that it was sent to, as
 * struct in_pktinfo.
 */
void sockets_tell_destination(int fd, bool);

/* The bytes of the receive buffer of a UDP socket that are in use. */
unsigned sockets_queued(int fd);

/* How many datagrams the kernel has dropped for this socket, modulo 2^32. */
uint32_t sockets_dropped(int fd);

#endif
