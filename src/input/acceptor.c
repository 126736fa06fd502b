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
	return ACCEPT_RETRY;
}

/* What accept(2) says of a connection that is no more, or of the listener. */
static enum accepted
accept_failed(const struct acceptor *a, int error)
{
	switch (error) {
	case EAGAIN:
		return ACCEPT_NONE;
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
		return ACCEPT_OK;
	default:
		return fall_short(a, error);
	}
}

static bool
has_enough(const struct acceptor *a, const struct address *peer)
{
	long most = a->listener->config->limits.max_connections_per_source;

	return most > 0 &&
	       registry_count_source(a->registry, peer,
				     &a->listener->counters.connections) >=
		       (size_t)most;
}

static void
refuse(struct acceptor *a, struct entry *entry)
{
	sockets_close(entry->fd);
	entry->fd = -1;
	atomic_fetch_add(&a->listener->counters.refused, 1);
	note_summary_count(a->listener->summary, "refused", &entry->peer);
}

static enum accepted
start(struct acceptor *a)
{
	struct connection *c = a->next;
	int error;

	diag(LOG_DEBUG, "listener %s: connection %llu from %s",
	     a->listener->name, (unsigned long long)c->origin.connection,
	     c->origin.peer);
	registry_add(a->registry, &c->entry);
	error = thread_start(NULL, connection_main, c);
	if (error) {
		registry_remove(a->registry, &c->entry);
		return fall_short(a, error);
	}
	a->next = NULL; /* the thread's now */
	return ACCEPT_OK;
}

enum accepted
tcp_accept(struct acceptor *a)
{
	struct entry *entry;

	/* Before it is accepted, so that it can wait in the kernel's queue. */
	if (!a->next && !(a->next = connection_new(a->listener, a->registry)))
		return fall_short(a, ENOMEM);
	entry = &a->next->entry;
	if (entry->fd >= 0)
		return start(a);
	entry->peer.size = sizeof entry->peer.in6;
	entry->fd = accept4(a->listener->socket.fd, &entry->peer.any,
			    &entry->peer.size, SOCK_CLOEXEC);
	if (entry->fd < 0)
		return accept_failed(a, errno);
	if (has_enough(a, &entry->peer)) {
		refuse(a, entry);
		return ACCEPT_OK;
	}
	atomic_fetch_add(&a->listener->counters.accepted, 1);
	connection_accepted(a->next,
			    atomic_fetch_add(a->connection_number, 1) + 1);
	return start(a);
}

bool
tcp_holds_one(const struct acceptor *a)
{
	return a->next && a->next->entry.fd >= 0;
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
		*unread += unread_bytes(a->next->entry.fd);
		count++;
	}
	while ((fd = accept4(a->listener->socket.fd, NULL, NULL,
			     SOCK_CLOEXEC)) >= 0) {
		*unread += unread_bytes(fd);
		count++;
		close(fd);
	}
	return count + sockets_pending(a->listener->socket.fd);
}

void
tcp_close(struct acceptor *a)
{
	if (tcp_holds_one(a))
		close(a->next->entry.fd);
	free(a->next);
	a->next = NULL;
}
