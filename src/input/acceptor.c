/* SPDX-License-Identifier: MIT */
#include "input/acceptor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/thread.h"
#include "input/connection.h"
#include "input/note_summary.h"

static enum accepted
fall_short(const struct acceptor *a, int error)
{
	static struct diag_limit limit;

	diag_limited(&limit, LOG_ERR,
		     "listener %s: cannot take another connection: %s; trying "
		     "again every second",
		     a->listener->name, strerror(error));
	return ACCEPTED_SHORT;
}

/* What accept(2) says of a connection that is no more, or of the listener. */
static enum accepted
accept_failed(const struct acceptor *a, int error)
{
	switch (error) {
	case EAGAIN:
		return ACCEPTED_NONE;
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
	case ENETDOWN:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case EOPNOTSUPP:
	case ENETUNREACH:
		return ACCEPTED;
	default:
		return fall_short(a, error);
	}
}

static bool
has_enough(const struct acceptor *a, const struct address *peer)
{
	long most = a->listener->config->limits.max_connections_per_source;

	return most > 0 &&
	       connections_from(a->connections, peer,
				&a->listener->counters.connections) >=
		       (size_t)most;
}

static void
refuse(struct acceptor *a, struct member *member)
{
	sockets_close(member->fd);
	member->fd = -1;
	atomic_fetch_add(&a->listener->counters.refused, 1);
	tally_count(a->listener->tally, "refused", &member->peer);
}

static enum accepted
start(struct acceptor *a)
{
	struct connection *c = a->next;
	int error;

	diag(LOG_DEBUG, "listener %s: connection %llu from %s",
	     a->listener->name, (unsigned long long)c->origin.connection,
	     c->origin.peer);
	connections_enter(a->connections, &c->member);
	error = thread_start(NULL, connection_main, c);
	if (error) {
		connections_withdraw(a->connections, &c->member);
		return fall_short(a, error);
	}
	a->next = NULL; /* the thread's now */
	return ACCEPTED;
}

enum accepted
tcp_accept(struct acceptor *a)
{
	struct member *member;

	/* Before it is accepted, so that it can wait in the kernel's queue. */
	if (!a->next &&
	    !(a->next = connection_new(a->listener, a->connections)))
		return fall_short(a, ENOMEM);
	member = &a->next->member;
	if (member->fd >= 0)
		return start(a);
	member->peer.size = sizeof member->peer.in6;
	member->fd = accept4(a->listener->socket.fd, &member->peer.any,
			     &member->peer.size, SOCK_CLOEXEC);
	if (member->fd < 0)
		return accept_failed(a, errno);
	if (has_enough(a, &member->peer)) {
		refuse(a, member);
		return ACCEPTED;
	}
	atomic_fetch_add(&a->listener->counters.accepted, 1);
	connection_accepted(a->next,
			    atomic_fetch_add(a->connection_number, 1) + 1);
	return start(a);
}

bool
tcp_holds_one(const struct acceptor *a)
{
	return a->next && a->next->member.fd >= 0;
}

static unsigned long long
unread_bytes(int fd)
{
	int unread = 0;

	ioctl(fd, FIONREAD, &unread);
	return (unsigned long long)unread;
}

unsigned
tcp_abandon(struct acceptor *a, unsigned long long *unread)
{
	unsigned count = 0;
	int fd;

	*unread = 0;
	if (tcp_holds_one(a)) {
		*unread += unread_bytes(a->next->member.fd);
		count++;
	}
	while ((fd = accept4(a->listener->socket.fd, NULL, NULL,
			     SOCK_CLOEXEC)) >= 0) {
		*unread += unread_bytes(fd);
		count++;
		close(fd);
	}
	return count + sockets_waiting(a->listener->socket.fd);
}

void
tcp_close(struct acceptor *a)
{
	if (tcp_holds_one(a))
		close(a->next->member.fd);
	free(a->next);
	a->next = NULL;
}
