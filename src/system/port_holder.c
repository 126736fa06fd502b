/* SPDX-License-Identifier: MIT */
#include "system/port_holder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool
is_in_the_way(const struct net_socket *s, const struct listener_config *config)
{
	const struct address *bound = &s->address;
	struct address wanted;

	if (s->protocol != config->protocol ||
	    ntohs(bound->in.sin_port) != config->port)
		return false;
	if (strcmp(config->address, "*") == 0)
		return true;
	address_parse(&wanted, config->address, 0);
	/* The kernel does not list whether "::" is IPv4 too: it may be. */
	if (wanted.any.sa_family != bound->any.sa_family)
		return bound->any.sa_family == AF_INET6 &&
		       address_is_any(bound);
	if (wanted.any.sa_family == AF_INET6)
		wanted.in6.sin6_scope_id = 0; /* it is not listed */
	return address_is_any(bound) || address_is_any(&wanted) ||
	       address_same_host(bound, &wanted);
}

static bool
process_has(pid_t pid, unsigned long inode)
{
	char wanted[40], path[40], link[40];
	const struct dirent *entry;
	bool found = false;
	DIR *fds;

	snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	fds = opendir(path);
	while (fds && !found && (entry = readdir(fds))) {
		ssize_t size = readlinkat(dirfd(fds), entry->d_name, link,
					  sizeof link - 1);

		link[size > 0 ? size : 0] = '\0';
		found = strcmp(link, wanted) == 0;
	}
	if (fds)
		closedir(fds);
	return found;
}

/* Returns 0 if it cannot be seen. */
static pid_t
find_process(unsigned long inode)
{
	const struct dirent *entry;
	pid_t found = 0;
	DIR *processes;

	/* The daemon whose restart is checked. */
	if (process_has(getppid(), inode))
		return getppid();
	processes = opendir("/proc");
	while (processes && found == 0 && (entry = readdir(processes))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 0 && process_has(pid, inode))
			found = pid;
	}
	if (processes)
		closedir(processes);
	return found;
}

static void
read_program(const char *process, char program[16])
{
	char path[40];
	FILE *file;

	snprintf(path, sizeof path, "/proc/%s/comm", process);
	file = fopen(path, "re");
	if (!file || !fgets(program, 16, file))
		*program = '\0';
	program[strcspn(program, "\n")] = '\0';
	if (file)
		fclose(file);
}

static void
find_holder(const struct net_socket *socket, struct port_holder *holder)
{
	char process[16], ours[16];

	*holder = (struct port_holder){ .pid = find_process(socket->inode) };
	if (holder->pid == 0) {
		holder->is_ours = socket->owner == getuid();
		return;
	}
	snprintf(process, sizeof process, "%d", (int)holder->pid);
	read_program(process, holder->program);
	read_program("self", ours);
	holder->is_ours = strcmp(holder->program, ours) == 0;
}

bool
port_holder_find(const struct net_sockets *sockets,
		 const struct listener_config *config,
		 struct port_holder *holder)
{
	bool found = false;

	for (size_t i = 0; i < sockets->count; i++) {
		if (!is_in_the_way(&sockets->list[i], config))
			continue;
		find_holder(&sockets->list[i], holder);
		if (!holder->is_ours)
			return true;
		found = true;
	}
	return found;
}

void
port_holder_explain(const struct listener_config *config, int error,
		    char out[PORT_HOLDER_TEXT])
{
	struct port_holder holder = { 0 };
	struct net_sockets sockets = { 0 };

	if (error == EADDRINUSE || error == EACCES)
		proc_net_read(&sockets);
	/* Without the right to the port, bind(2) does not look further. */
	if (port_holder_find(&sockets, config, &holder))
		error = EADDRINUSE;
	proc_net_free(&sockets);
	if (holder.pid > 0)
		snprintf(out, PORT_HOLDER_TEXT, "%s by %s, process %d",
			 strerror(error), holder.program, (int)holder.pid);
	else if (error == EADDRINUSE)
		snprintf(out, PORT_HOLDER_TEXT,
			 "%s: as root, ss -l%cnp 'sport = :%u' shows by whom",
			 strerror(error),
			 config->protocol == PROTOCOL_TCP ? 't' : 'u',
			 config->port);
	else if (error == EACCES)
		snprintf(out, PORT_HOLDER_TEXT,
			 "%s: ports below 1024 need root or "
			 "CAP_NET_BIND_SERVICE; the unit binds them with "
			 "--keep-low-ports",
			 strerror(error));
	else if (error == ENOBUFS && config->groups.count > 0)
		snprintf(out, PORT_HOLDER_TEXT,
			 "%s: net.ipv4.igmp_max_memberships, by default 20, "
			 "limits the IPv4 groups of a socket",
			 strerror(error));
	else
		snprintf(out, PORT_HOLDER_TEXT, "%s", strerror(error));
}
