/* SPDX-License-Identifier: MIT */
/* The second step: whether each listener listens, and who has its port. */
#include <errno.h>
#include <net/if.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/socket_holder.h"
#include "client/check.h"

#define DAEMON "portlogd"

/* The user as which the unit runs it, and the process that keeps sockets. */
#define DAEMON_USER "portlog"
#define SYSTEMD_PID 1

/* How a listener's place is shown. */
#define PLACE 160

/* How many ports of other daemons are named. */
#define OTHERS 4

static void
format_place(const struct check_listener *l, char place[PLACE])
{
	const struct listener_config *config = l->config;
	bool is_any = strcmp(config->address, "*") == 0;

	snprintf(place, PLACE, "%s port %u of %s",
		 address_protocol(config->protocol), l->port,
		 is_any ? "every address" : config->address);
}

/* Of any address, where the listener is for all. */
static struct address
wanted_address(const struct check_listener *l)
{
	const char *text = l->config->address;
	struct address wanted = { .any.sa_family = AF_INET6 };

	if (strcmp(text, "*") != 0 && address_parse(&wanted, text, 0) &&
	    wanted.any.sa_family == AF_INET6)
		wanted.in6.sin6_scope_id = 0; /* the kernel does not list it */
	return wanted;
}

static bool
is_bound_as(const struct net_socket *s, const struct check_listener *l,
	    const struct address *wanted)
{
	if (strcmp(l->config->address, "*") == 0)
		return address_is_any(&s->address);
	return s->address.any.sa_family == wanted->any.sa_family &&
	       address_same_host(&s->address, wanted);
}

/* The socket of a listener; *other: one of its port in its way, or NULL. */
static const struct net_socket *
find_socket(const struct check *c, const struct check_listener *l,
	    const struct net_socket **other)
{
	const struct address wanted = wanted_address(l);

	*other = NULL;
	for (size_t i = 0; i < c->sockets.count; i++) {
		const struct net_socket *s = &c->sockets.list[i];

		if (s->protocol != l->config->protocol ||
		    ntohs(s->address.in.sin_port) != l->port)
			continue;
		if (is_bound_as(s, l, &wanted))
			return s;
		if (address_is_any(&wanted) || net_socket_overlaps(s, &wanted))
			*other = s;
	}
	return NULL;
}

static bool
is_of_daemon(const struct check *c, const struct net_socket *s)
{
	return (c->status.has_answered &&
		socket_holder_has(c->status.pid, s->inode)) ||
	       socket_holder_find(s->inode, DAEMON) > 0;
}

/* Ports that the daemon has and the configuration has not, as " tcp/9". */
static void
find_other_ports(const struct check *c, char ports[PLACE])
{
	size_t used = 0, found = 0;

	*ports = '\0';
	for (size_t i = 0; i < c->sockets.count && found < OTHERS; i++) {
		const struct net_socket *s = &c->sockets.list[i];
		unsigned port = ntohs(s->address.in.sin_port);
		bool is_known = !is_of_daemon(c, s);

		for (size_t k = 0; k < c->config.listener_count; k++)
			is_known = is_known || c->listeners[k].port == port;
		if (is_known)
			continue;
		found++;
		used += (size_t)snprintf(ports + used, PLACE - used, " %s/%u",
					 address_protocol(s->protocol), port);
	}
}

static void
report_nobody(struct check *c, const struct check_listener *l)
{
	char place[PLACE], others[PLACE];

	format_place(l, place);
	find_other_ports(c, others);
	report_say(&c->report, REPORT_FAIL, l->name, "nobody listens on %s%s%s",
		   place, *others ? "; a portlogd listens on" : "", others);
	if (c->status.has_answered || *others)
		report_advise(&c->report,
			      "a daemon that runs has another configuration: "
			      "systemctl restart portlogd");
	else
		report_advise(&c->report,
			      "systemctl start portlogd; why it does not run: "
			      "journalctl -u portlogd -n 20");
}

static void
report_holder(struct check *c, const struct check_listener *l)
{
	char program[SOCKET_HOLDER_PROGRAM], place[PLACE];

	format_place(l, place);
	socket_holder_program(l->holder, program);
	if (l->holder == SYSTEMD_PID) {
		report_say(&c->report, REPORT_FAIL, l->name,
			   "systemd keeps %s, and no portlogd runs", place);
		report_advise(&c->report, "systemctl status portlogd");
		return;
	}
	report_say(&c->report, REPORT_FAIL, l->name,
		   "another program has %s: %s, process %d", place, program,
		   (int)l->holder);
	report_advise(&c->report, "end that program, or have one of both use "
				  "another port; then restart portlogd");
}

/* Nobody sees whose it is but root and that user. */
static bool
is_likely(const struct check *c, const struct check_listener *l, uid_t owner)
{
	const struct passwd *user = getpwuid(owner);

	if (c->status.has_answered)
		return l->status && !l->status->is_absent;
	return owner == 0 || (user && strcmp(user->pw_name, DAEMON_USER) == 0);
}

static void
report_unseen(struct check *c, const struct check_listener *l, uid_t owner)
{
	const struct passwd *user = getpwuid(owner);
	char place[PLACE];

	format_place(l, place);
	report_say(&c->report, REPORT_UNKNOWN, l->name,
		   "%s is of user %u (%s): whether that is portlogd cannot be "
		   "seen",
		   place, owner, user ? user->pw_name : "no name");
	report_advise(&c->report, "as root: ss -l%cnp 'sport = :%u'",
		      l->config->protocol == PROTOCOL_TCP ? 't' : 'u', l->port);
}

static void
report_listens(struct check *c, struct check_listener *l)
{
	char place[PLACE];

	format_place(l, place);
	l->listens = true;
	if (!own_addresses_is_loopback(&l->socket->address)) {
		report_say(&c->report, REPORT_OK, l->name, "listens on %s",
			   place);
		return;
	}
	report_say(&c->report, REPORT_WARN, l->name,
		   "listens on %s alone: no other host reaches it", place);
	report_advise(&c->report, "for other hosts set address = \"*\", or "
				  "leave it out, and restart portlogd");
}

/* Find its socket, and who has its port if that is not the daemon. */
static void
find_holder(const struct check *c, struct check_listener *l)
{
	const struct net_socket *other, *found;

	if (l->config->path || l->port == 0)
		return;
	l->socket = find_socket(c, l, &other);
	found = l->socket ? l->socket : other;
	if (found && !is_of_daemon(c, found))
		l->holder = socket_holder_find(found->inode, NULL);
	l->is_unseen = found && !l->holder && !is_of_daemon(c, found);
	if (found)
		l->owner = found->owner;
}

static void
check_socket(struct check *c, struct check_listener *l)
{
	if (l->socket && (!l->is_unseen || is_likely(c, l, l->owner))) {
		report_listens(c, l);
	} else if (l->is_unseen) {
		report_unseen(c, l, l->owner);
		l->listens = l->socket; /* the probe tells more */
	} else {
		report_nobody(c, l);
	}
}

static void
check_unix(struct check *c, struct check_listener *l)
{
	const char *path = l->config->path;
	struct stat file;

	l->listens = stat(path, &file) == 0 && S_ISSOCK(file.st_mode);
	if (l->listens) {
		report_say(&c->report, REPORT_OK, l->name,
			   "the socket is at %s, mode %04o", path,
			   file.st_mode & 07777);
	} else if (errno == EACCES) {
		report_say(&c->report, REPORT_UNKNOWN, l->name, "%s: %s", path,
			   strerror(errno));
		report_advise(&c->report, "as root it can be seen");
	} else {
		report_say(&c->report, REPORT_FAIL, l->name,
			   "there is no socket at %s", path);
		report_advise(&c->report,
			      "systemctl restart portlogd; why it does not "
			      "run: journalctl -u portlogd -n 20");
	}
}

static void
report_absent(struct check *c, const struct check_listener *l)
{
	const char *interface = l->config->interface;

	if (interface && if_nametoindex(interface) == 0)
		report_say(&c->report, REPORT_FAIL, l->name,
			   "there is no interface %s", interface);
	else
		report_say(&c->report, REPORT_FAIL, l->name,
			   "its address or interface is not there");
	report_advise(&c->report,
		      "ip address shows what is there; portlogd listens as "
		      "soon as it is");
}

static bool
is_absent(const struct check_listener *l)
{
	const char *interface = l->config->interface;

	return (interface && if_nametoindex(interface) == 0) ||
	       (l->status && l->status->is_absent);
}

static void
check_listener(struct check *c, struct check_listener *l)
{
	if (is_absent(l)) {
		report_absent(c, l);
	} else if (l->config->path) {
		check_unix(c, l);
	} else if (l->port == 0) {
		report_say(&c->report, REPORT_UNKNOWN, l->name,
			   "its port is any that is free");
		report_advise(&c->report,
			      "portlogd tells at its start which: journalctl "
			      "-u portlogd");
	} else {
		check_socket(c, l);
	}
}

/* First who has a port of ours: a daemon that lacks one does not run at all. */
void
check_listens(struct check *c)
{
	proc_net_read(&c->sockets);
	for (size_t i = 0; i < c->config.listener_count; i++) {
		find_holder(c, &c->listeners[i]);
		if (c->listeners[i].holder > 0)
			report_holder(c, &c->listeners[i]);
	}
	for (size_t i = 0; i < c->config.listener_count; i++)
		if (c->listeners[i].holder == 0)
			check_listener(c, &c->listeners[i]);
}
