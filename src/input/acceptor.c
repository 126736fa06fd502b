/* SPDX-License-Identifier: MIT */
#include "input/acceptor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/diag.h"
#include "config/networks.h"
#include "input/connection_progress.h"
#include "input/connection_thread.h"
#include "input/note_summary.h"
#include "system/socket_peer.h"
#include "system/sockets_input.h"

static enum acceptor_result
retry(const struct listener *l, int error)
{
	static struct diag_limit limit;

	diag_limited(&limit, LOG_ERR,
		     "listener %s: cannot take another connection: %s; trying "
		     "again every second",
		     l->name, strerror(error));
	return ACCEPT_RETRY;
}

/* accept(2): these errors are of the connection, not of the listener. */
static enum acceptor_result
accept_failed(const struct listener *l, int error)
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
		return retry(l, error);
	}
}

static bool
source_is_at_limit(const struct listener *l, const struct address *peer)
{
	size_t max = l->config->limits.max_connections_per_source;

	return max > 0 &&
	       registry_count_source(l->registry, peer,
				     &l->counters->connections) >= max;
}

/* NULL: nothing speaks against it.  The sources behind a proxy are many. */
static const char *
reason_against(const struct listener *l, const struct address *peer)
{
	if (networks_has_proxy(l->config, peer))
		return NULL;
	if (!networks_allow(l->config, peer))
		return "network";
	return source_is_at_limit(l, peer) ? "limit" : NULL;
}

/* By a reset: an end in order would be a receipt. */
static void
refuse(struct listener *l, struct registry_entry *entry, const char *reason)
{
	const struct note_event refused = { .event = EVENT_REFUSED,
					    .reason = reason };

	atomic_fetch_add(&l->counters->refused, 1);
	note_summary_count(l->summary, &refused, &entry->peer);
	close(entry->fd);
	entry->fd = -1;
}

static enum acceptor_result
start(struct listener *l)
{
	struct connection *c = l->next;
	int error;

	/* At once: if we are killed now, the next process knows of it. */
	if (!c->state_entry && !connection_progress_begin(c, NULL))
		return retry(l, ENOSPC);
	diag(LOG_DEBUG, "listener %s: connection %llu from %s", l->name,
	     (unsigned long long)c->origin.connection, c->origin.peer);
	registry_add(l->registry, &c->entry);
	/* A kill would look like an end in order: be in flight before that. */
	if (l->config->path)
		registry_send_all(l->registry);
	error = connection_start(c);
	if (error) {
		registry_remove(l->registry, &c->entry);
		return retry(l, error);
	}
	l->next = NULL; /* the thread's now */
	return ACCEPT_OK;
}

enum acceptor_result
acceptor_accept(struct listener *l)
{
	struct registry_entry *entry;
	const char *reason;

	/* Allocate first: without memory the peer waits in the kernel. */
	if (!l->next && !(l->next = connection_new(l)))
		return retry(l, ENOMEM);
	entry = &l->next->entry;
	if (entry->fd >= 0)
		return start(l);
	entry->fd = sockets_accept(l->socket.fd, &entry->peer);
	if (entry->fd < 0)
		return accept_failed(l, errno);
	reason = reason_against(l, &entry->peer);
	if (reason) {
		refuse(l, entry, reason);
		return ACCEPT_OK;
	}
	atomic_fetch_add(&l->counters->accepted, 1);
	connection_accepted(
		l->next, atomic_fetch_add(&l->state->header->numbers, 1) + 1);
	if (networks_has_proxy(l->config, &entry->peer))
		connection_await_header(l->next);
	if (l->tls)
		connection_await_handshake(l->next);
	return start(l);
}

bool
acceptor_holds_one(const struct listener *l)
{
	return l->next && l->next->entry.fd >= 0;
}

bool
acceptor_nobody_waits(const struct listener *l)
{
	return !acceptor_holds_one(l) && sockets_pending(l->socket.fd) == 0;
}

struct connection *
acceptor_take_waiting(struct listener *l)
{
	struct connection *c = l->next;

	if (!acceptor_holds_one(l) ||
	    (!c->state_entry && !connection_progress_begin(c, NULL)))
		return NULL;
	registry_add(l->registry, &c->entry);
	l->next = NULL;
	return c;
}

static unsigned long long
unread_bytes(int fd)
{
	int unread = 0;

	ioctl(fd, FIONREAD, &unread);
	return (unsigned long long)unread;
}

unsigned
acceptor_abandon(struct listener *l, unsigned long long *unread)
{
	unsigned count = 0;
	int fd;

	*unread = 0;
	if (acceptor_holds_one(l)) {
		*unread += unread_bytes(l->next->entry.fd);
		count++;
	}
	while ((fd = accept4(l->socket.fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		*unread += unread_bytes(fd);
		count++;
		close(fd);
	}
	return count + sockets_pending(l->socket.fd);
}

void
acceptor_close(struct listener *l)
{
	if (acceptor_holds_one(l))
		close(l->next->entry.fd);
	free(l->next);
	l->next = NULL;
}
