/* SPDX-License-Identifier: MIT */
#include "daemon/rebind.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/diag.h"
#include "input/acceptor.h"
#include "input/listener_log.h"
#include "input/udp.h"
#include "system/fdstore.h"
#include "system/unix_sockets.h"

#define LOOK_MS 1000

/*
 * The kernel goes on to hold a socket whose interface is gone, or whose path
 * leads elsewhere, and is silent.
 */
static bool
is_deaf(const struct listener *l)
{
	char interface[IF_NAMESIZE];

	if (l->is_absent || l->is_shared)
		return false;
	return l->config->path
		     ? unix_inode(l->config->path) != l->socket.inode
		     : !sockets_get_interface(l->socket.fd, interface);
}

/* What has arrived is read to its end, and all that have connected accepted. */
static void
leave(struct listener *l)
{
	if (!l->first)
		diag(LOG_WARNING,
		     "listener %s: its %s is gone: trying to listen again "
		     "every second",
		     l->name, l->config->path ? "path" : "interface");
	l->is_absent = true;
	l->absent_since_ms = clock_now_ms();
	if (l->udp)
		udp_stop(l->udp);
}

/* Whether the old socket has nothing any more: then close it. */
static bool
has_left(struct listener *l)
{
	if (l->socket.fd < 0)
		return true;
	if (l->udp ? !udp_is_done(l->udp) : !acceptor_nobody_waits(l))
		return false;
	if (l->udp)
		udp_join(l->udp);
	l->udp = NULL;
	listener_close_socket(l, true);
	return true;
}

static void
try_again(struct listeners *ls, struct listener *l)
{
	long long absent_ms = clock_now_ms() - l->absent_since_ms;

	if (!has_left(l) || !listener_bind_again(l, ls->config->backlog))
		return;
	if (!listener_is_stream(l) && !(l->udp = udp_start(l, ls->wake_fd))) {
		diag_limited(&l->absent, LOG_ERR,
			     "listener %s: cannot start a thread: %s; trying "
			     "again every second",
			     l->name, strerror(errno));
		listener_close_socket(l, true);
		l->is_absent = true;
		return;
	}
	if (!l->first)
		diag(LOG_WARNING,
		     "listener %s: it could not listen for %lld.%03lld s",
		     l->name, absent_ms / 1000, absent_ms % 1000);
	listener_log(l);
}

/* A membership goes with its interface, and a route may lead elsewhere. */
static void
join_again(struct listener *l)
{
	size_t joined;
	const char *failed = groups_join(l->socket.fd, l->config, &joined);

	/* Those of interfaces that are gone count: a new socket has none. */
	if (failed && errno == ENOBUFS && !l->is_shared) {
		leave(l);
		return;
	}
	if (failed)
		diag_limited(&l->absent, LOG_WARNING,
			     "listener %s: cannot join %s: %s; trying again "
			     "every second",
			     l->name, failed, strerror(errno));
	if (joined > 0)
		diag(LOG_WARNING, "listener %s: joined %zu of its groups",
		     l->name, joined);
}

void
rebind_tend(struct listeners *ls, long long *until_ms)
{
	long long now_ms = clock_now_ms();
	bool is_due = now_ms >= ls->look_at_ms, any = false;

	for (size_t i = 0; i < ls->count; i++) {
		struct listener *l = &ls->list[i];

		if (!l->is_absent && !l->may_go && l->config->groups.count == 0)
			continue;
		any = true;
		if (is_due && is_deaf(l))
			leave(l);
		if (is_due && l->is_absent)
			try_again(ls, l);
		else if (is_due)
			join_again(l);
	}
	if (is_due)
		ls->look_at_ms = now_ms + LOOK_MS;
	if (any && ls->look_at_ms < *until_ms)
		*until_ms = ls->look_at_ms;
}
