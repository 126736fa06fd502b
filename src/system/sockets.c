/* SPDX-License-Identifier: MIT */
#include "system/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "system/groups.h"
#include "system/port_holder.h"
#include "system/sockets_input.h"
#include "system/unix_sockets.h"

/* A dead peer is found after 60 s of silence and 6 probes, 10 s apart. */
#define KEEPALIVE_IDLE_S 60
#define KEEPALIVE_INTERVAL_S 10
#define KEEPALIVE_PROBES 6

static int
set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value);
}

bool
sockets_log_failure(const struct listener_config *config, const char *action)
{
	bool colon = strchr(config->address, ':');
	char reason[PORT_HOLDER_TEXT];

	if (config->path) {
		diag(LOG_ERR, "cannot %s %s %s: %s%s", action,
		     address_protocol(config->protocol), config->path,
		     strerror(errno),
		     errno == EADDRINUSE ? " by another process"
		     : errno == EPERM && config->group
			     ? ": a socket unit can, with SocketGroup="
			     : "");
		return false;
	}
	port_holder_explain(config, errno, reason);
	diag(LOG_ERR, "cannot %s %s %s%s%s:%u%s%s: %s", action,
	     address_protocol(config->protocol), colon ? "[" : "",
	     config->address, colon ? "]" : "", config->port,
	     config->interface ? " on " : "",
	     config->interface ? config->interface : "", reason);
	return false;
}

/* "*" is an IPv6 socket for both families; IPv4 where there is no IPv6. */
static int
open_socket(const struct listener_config *config, struct address *address)
{
	bool is_any = strcmp(config->address, "*") == 0;
	int type = (protocol_is_stream(config->protocol) ? SOCK_STREAM
							 : SOCK_DGRAM) |
		   SOCK_CLOEXEC | SOCK_NONBLOCK;
	int fd;

	if (config->path)
		return socket(AF_UNIX, type, 0);
	address_parse(address, is_any ? "::" : config->address,
		      (uint16_t)config->port);
	fd = socket(address->any.sa_family, type, 0);
	if (fd < 0 && errno == EAFNOSUPPORT && is_any) {
		address_parse(address, "0.0.0.0", (uint16_t)config->port);
		fd = socket(AF_INET, type, 0);
	}
	if (fd >= 0 && address->any.sa_family == AF_INET6)
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, !is_any);
	return fd;
}

/* Whether close(2) resets the connection; accepted sockets inherit it. */
static int
set_reset(int fd, bool reset)
{
	struct linger linger = { .l_onoff = reset };

	return setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

static bool
set_tcp(int fd)
{
	/* SO_OOBINLINE: read urgent data like any other. */
	return set(fd, SOL_SOCKET, SO_REUSEADDR, 1) == 0 &&
	       set(fd, SOL_SOCKET, SO_OOBINLINE, 1) == 0 &&
	       set_reset(fd, true) == 0 &&
	       set(fd, SOL_SOCKET, SO_KEEPALIVE, 1) == 0 &&
	       set(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S) == 0 &&
	       set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S) == 0 &&
	       set(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES) == 0;
}

/*
 * The kernel doubles the size for its own overhead and returns the doubled
 * number (socket(7)): half of it compares with the size that was requested.
 */
static unsigned
set_receive_buffer(int fd, unsigned requested)
{
	int granted = 0;
	socklen_t size = sizeof granted;

	if (set(fd, SOL_SOCKET, SO_RCVBUFFORCE, (int)requested) != 0)
		set(fd, SOL_SOCKET, SO_RCVBUF, (int)requested);
	getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &granted, &size);
	return (unsigned)granted / 2;
}

static bool
set_udp(int fd, const struct listener_config *config, struct bound *bound)
{
	bound->receive_buffer =
		set_receive_buffer(fd, config->limits.receive_buffer);
	return set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1) == 0 &&
	       groups_set_up(fd, config);
}

static bool
set_options(int fd, const struct listener_config *config, struct bound *bound)
{
	switch (config->protocol) {
	case PROTOCOL_TCP:
		return set_tcp(fd);
	case PROTOCOL_UDP:
		return set_udp(fd, config, bound);
	case PROTOCOL_UNIX_DATAGRAM:
		return unix_set_datagram(fd);
	case PROTOCOL_UNIX_STREAM:
	case PROTOCOL_NONE:
		break;
	}
	return true;
}

static void
finish(int fd, const struct listener_config *config, struct bound *bound)
{
	bound->fd = fd;
	if (config->path) {
		bound->inode = unix_inode(config->path);
		return;
	}
	bound->address.size = sizeof bound->address.in6;
	getsockname(fd, &bound->address.any, &bound->address.size);
}

static bool
bind_to_interface(int fd, const char *interface)
{
	return !interface ||
	       setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface,
			  (socklen_t)strlen(interface) + 1) == 0;
}

/*
 * Not SO_REUSEADDR, with which any user may bind the port of a UDP socket too:
 * for SO_REUSEPORT both sockets must be of the same user.
 */
void
sockets_share_port(int fd)
{
	set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
}

/* listen(2) needed it too; no other socket may take the port. */
static void
unshare_port(int fd, const struct listener_config *config)
{
	set(fd, SOL_SOCKET, SO_REUSEPORT, config->threads > 1);
}

static bool
bind_to_port(int fd, const struct address *address, bool beside)
{
	int result = bind(fd, &address->any, address->size);

	if (result != 0 && errno == EADDRINUSE && beside) {
		sockets_share_port(fd);
		result = bind(fd, &address->any, address->size);
	}
	return result == 0;
}

/* NULL, or the action that failed. */
static const char *
set_up(int fd, const struct listener_config *config,
       const struct address *address, bool beside, struct bound *bound)
{
	if (!bind_to_interface(fd, config->interface) ||
	    !set_options(fd, config, bound))
		return "listen on";
	if (config->path)
		return unix_bind(fd, config);
	return bind_to_port(fd, address, beside) ? NULL : "listen on";
}

/* Close it, and leave errno as it was. */
static void
discard(int fd)
{
	int error = errno;

	close(fd);
	errno = error;
}

const char *
sockets_bind(const struct listener_config *config, unsigned backlog,
	     bool beside, struct bound *bound)
{
	struct address address;
	int fd = open_socket(config, &address);
	const char *failed;

	if (fd < 0)
		return "open a socket for";
	failed = set_up(fd, config, &address, beside, bound);
	if (!failed && protocol_is_stream(config->protocol) &&
	    listen(fd, (int)backlog) != 0)
		failed = "listen on";
	if (failed) {
		discard(fd);
		return failed;
	}
	unshare_port(fd, config);
	finish(fd, config, bound);
	return NULL;
}

bool
sockets_is_absence(int error)
{
	return error == ENODEV || error == EADDRNOTAVAIL;
}

const char *
sockets_try(const struct listener_config *config)
{
	struct address address;
	struct bound bound;
	int fd = open_socket(config, &address);
	const char *failed;

	if (fd < 0)
		return "open a socket for";
	sockets_block_input(fd);
	/* Who sends to a path before it is gone again is refused. */
	if (config->path)
		shutdown(fd, SHUT_RD);
	failed = set_up(fd, config, &address, false, &bound);
	if (!failed && config->path)
		unlink(config->path);
	discard(fd);
	return failed;
}

bool
sockets_adopt(int fd, const struct listener_config *config, unsigned backlog,
	      struct bound *bound)
{
	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0 ||
	    !set_options(fd, config, bound) ||
	    (protocol_is_stream(config->protocol) &&
	     listen(fd, (int)backlog) != 0))
		return sockets_log_failure(config, "use what was passed for");
	sockets_unblock_input(fd);
	unshare_port(fd, config);
	finish(fd, config, bound);
	return true;
}

void
sockets_close(int fd)
{
	set_reset(fd, false);
	close(fd);
}

void
sockets_send_fin(int fd)
{
	set_reset(fd, false);
	shutdown(fd, SHUT_WR);
}

void
sockets_end(int fd)
{
	set_reset(fd, false);
	shutdown(fd, SHUT_RDWR);
}

void
sockets_reset(int fd)
{
	const struct sockaddr nobody = { .sa_family = AF_UNSPEC };

	(void)connect(fd, &nobody, sizeof nobody);
}

void
sockets_set_low_water(int fd, size_t bytes)
{
	set(fd, SOL_SOCKET, SO_RCVLOWAT, (int)bytes);
}

void
sockets_acknowledge(int fd)
{
	set(fd, IPPROTO_TCP, TCP_QUICKACK, 1);
}

bool
sockets_get_interface(int fd, char interface[IF_NAMESIZE])
{
	socklen_t size = IF_NAMESIZE;

	interface[0] = '\0';
	return getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, &size) ==
	       0;
}

/*
 * A connected UDP socket receives only from its peer.  Connect it to port 9 of
 * this host, or of a neighbour if its interface has no route to this host.
 */
bool
sockets_leave_port(int fd)
{
	static const char *const hosts[] = { "::1", "::ffff:127.0.0.1",
					     "127.0.0.1", "fe80::" };
	char interface[IF_NAMESIZE];
	struct address peer;

	if (unix_is_socket(fd))
		return shutdown(fd, SHUT_RD) == 0;
	sockets_get_interface(fd, interface);
	for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
		address_parse(&peer, hosts[i], 9);
		if (peer.any.sa_family == AF_INET6)
			peer.in6.sin6_scope_id = if_nametoindex(interface);
		if (connect(fd, &peer.any, peer.size) == 0)
			return true;
	}
	return false;
}

static uint32_t
memory_of(int fd, int which)
{
	uint32_t memory[SK_MEMINFO_VARS] = { 0 };
	socklen_t size = sizeof memory;

	getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &size);
	return memory[which];
}

unsigned
sockets_queued(int fd)
{
	return memory_of(fd, SK_MEMINFO_RMEM_ALLOC);
}

uint32_t
sockets_dropped(int fd)
{
	return memory_of(fd, SK_MEMINFO_DROPS);
}

bool
sockets_is_counted(int fd)
{
	int counted = 0;
	socklen_t size = sizeof counted;

	getsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &counted, &size);
	return counted;
}

void
sockets_tell_destination(int fd, bool tells)
{
	set(fd, IPPROTO_IP, IP_PKTINFO, tells);
}

void
sockets_count_drops(int fd)
{
	set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
}
