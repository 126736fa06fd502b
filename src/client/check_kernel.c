/* SPDX-License-Identifier: MIT */
/* The steps of the kernel's queues: receive buffers, drops, backlogs, limits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/check.h"

#define LINE_BYTES 4096
#define SOMAXCONN_PATH "/proc/sys/net/core/somaxconn"
#define RMEM_MAX_PATH "/proc/sys/net/core/rmem_max"

/* A number of a file of /proc/sys; 0: it cannot be read. */
static unsigned long
read_number(const char *path)
{
	FILE *file = fopen(path, "re");
	unsigned long number = 0;
	char line[32];

	if (file && fgets(line, sizeof line, file))
		number = strtoul(line, NULL, 10);
	if (file)
		fclose(file);
	return number;
}

/* The number in values whose name has the same place in names. */
static unsigned long long
pick_counter(char *names, char *values, const char *wanted)
{
	char *rest_of_names, *rest_of_values;
	const char *name = strtok_r(names, " \n", &rest_of_names);
	const char *value = strtok_r(values, " \n", &rest_of_values);

	while (name && value) {
		if (strcmp(name, wanted) == 0)
			return strtoull(value, NULL, 10);
		name = strtok_r(NULL, " \n", &rest_of_names);
		value = strtok_r(NULL, " \n", &rest_of_values);
	}
	return 0;
}

/* A counter of the host since its start: a line of names, one of values. */
static unsigned long long
read_counter(const char *path, const char *group, const char *wanted)
{
	char names[LINE_BYTES], values[LINE_BYTES];
	unsigned long long counter = 0;
	FILE *file = fopen(path, "re");

	while (file && fgets(names, sizeof names, file) &&
	       fgets(values, sizeof values, file))
		if (strncmp(names, group, strlen(group)) == 0)
			counter = pick_counter(names, values, wanted);
	if (file)
		fclose(file);
	return counter;
}

static void
report_cut(struct check *c, const struct check_listener *l, double granted)
{
	unsigned asked = l->config->limits.receive_buffer;

	report_say(&c->report, REPORT_WARN, l->name,
		   "receive buffer: %u bytes asked for, %.0f granted", asked,
		   granted);
	report_advise(&c->report,
		      "sysctl -w net.core.rmem_max=%u, and restart portlogd",
		      asked);
}

static void
check_receive_buffer(struct check *c, const struct check_listener *l)
{
	unsigned asked = l->config->limits.receive_buffer;
	unsigned long most = read_number(RMEM_MAX_PATH);

	if (l->status && l->status->receive_buffer < asked) {
		report_cut(c, l, l->status->receive_buffer);
	} else if (l->status || most >= asked) {
		report_say(&c->report, REPORT_OK, l->name,
			   "receive buffer: %u bytes, as asked for", asked);
	} else {
		report_say(&c->report, REPORT_UNKNOWN, l->name,
			   "receive buffer: %u bytes asked for; "
			   "net.core.rmem_max allows %lu but to root",
			   asked, most);
		report_advise(&c->report,
			      "ss -lunm 'sport = :%u': rb is twice "
			      "what was granted",
			      l->port);
	}
}

void
check_receive_buffers(struct check *c)
{
	for (size_t i = 0; i < c->config.listener_count; i++) {
		const struct check_listener *l = &c->listeners[i];

		if (l->config->protocol == PROTOCOL_UDP && l->listens)
			check_receive_buffer(c, l);
	}
}

/* Of all that share its port: one for each of its threads. */
static unsigned long
sum_drops(const struct check *c, const struct check_listener *l)
{
	const struct address *address = &l->socket->address;
	unsigned long drops = 0;

	for (size_t i = 0; i < c->sockets.count; i++) {
		const struct net_socket *s = &c->sockets.list[i];

		if (s->protocol == PROTOCOL_UDP &&
		    s->owner == l->socket->owner &&
		    memcmp(&s->address.in6, &address->in6,
			   sizeof address->in6) == 0)
			drops += s->drops;
	}
	return drops;
}

static void
check_drop(struct check *c, const struct check_listener *l)
{
	unsigned long drops = sum_drops(c, l);
	unsigned long long host =
		read_counter("/proc/self/net/snmp", "Udp:", "RcvbufErrors");

	if (drops == 0) {
		report_say(&c->report, REPORT_OK, l->name,
			   "no datagram was dropped since it was bound");
		return;
	}
	report_say(&c->report, REPORT_WARN, l->name,
		   "%lu datagrams were dropped since it was bound (this host's "
		   "RcvbufErrors: %llu)",
		   drops, host);
	report_advise(&c->report,
		      "the log has when: portlog tail -N -n all -g lost; a "
		      "larger receive_buffer, or a faster output");
}

void
check_drops(struct check *c)
{
	for (size_t i = 0; i < c->config.listener_count; i++) {
		const struct check_listener *l = &c->listeners[i];

		if (l->config->protocol == PROTOCOL_UDP && l->listens &&
		    l->socket)
			check_drop(c, l);
	}
}

static void
check_queue(struct check *c, const struct check_listener *l)
{
	unsigned long most = read_number(SOMAXCONN_PATH);
	unsigned long limit = c->config.backlog;

	if (most > 0 && most < limit)
		limit = most;
	if (l->socket->queue < limit) {
		report_say(&c->report, REPORT_OK, l->name,
			   "%lu of %lu wait to be accepted", l->socket->queue,
			   limit);
		return;
	}
	report_say(&c->report, REPORT_FAIL, l->name,
		   "its queue is full: %lu of %lu wait to be accepted",
		   l->socket->queue, limit);
	report_advise(&c->report, "max_connections is reached, or portlogd "
				  "stands still: portlog status");
}

void
check_backlogs(struct check *c)
{
	unsigned long long overflows = read_counter(
		"/proc/self/net/netstat", "TcpExt:", "ListenOverflows");

	for (size_t i = 0; i < c->config.listener_count; i++) {
		const struct check_listener *l = &c->listeners[i];

		if (l->config->protocol == PROTOCOL_TCP && l->listens &&
		    l->socket)
			check_queue(c, l);
	}
	if (overflows > 0)
		report_say(&c->report, REPORT_OK, "this host",
			   "ListenOverflows is %llu since it was started, of "
			   "all its programs",
			   overflows);
}

static void
check_limit(struct check *c, const struct check_listener *l)
{
	const struct listener_status *s = l->status;

	if (protocol_is_stream(l->config->protocol) &&
	    s->connections >= s->max_connections) {
		report_say(&c->report, REPORT_FAIL, l->name,
			   "max_connections is reached: %.0f of %.0f; %.0f "
			   "more wait",
			   s->connections, s->max_connections, s->waiting);
		report_advise(&c->report,
			      "portlog who shows them; raise max_connections, "
			      "or set idle_timeout");
	} else if (s->refused > 0) {
		report_say(&c->report, REPORT_WARN, l->name,
			   "%.0f were refused", s->refused);
		report_advise(&c->report, "why and who: portlog tail -N -n all "
					  "-g refused");
	}
}

void
check_limits(struct check *c)
{
	const struct daemon_status *s = &c->status;

	if (!s->has_answered)
		return;
	for (size_t i = 0; i < c->config.listener_count; i++)
		if (c->listeners[i].status)
			check_limit(c, &c->listeners[i]);
	if (s->connections < s->max_connections) {
		report_say(&c->report, REPORT_OK, "connections", "%.0f of %.0f",
			   s->connections, s->max_connections);
		return;
	}
	report_say(&c->report, REPORT_FAIL, "connections",
		   "max_connections of all listeners is reached: %.0f",
		   s->connections);
	report_advise(&c->report, "portlog who shows them; raise "
				  "max_connections in limits");
}
