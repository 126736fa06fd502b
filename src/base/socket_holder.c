/* SPDX-License-Identifier: MIT */
#include "base/socket_holder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool
socket_holder_has(pid_t pid, unsigned long inode)
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

static bool
runs(pid_t pid, const char *program)
{
	char found[SOCKET_HOLDER_PROGRAM];

	if (!program)
		return true;
	socket_holder_program(pid, found);
	return strcmp(found, program) == 0;
}

pid_t
socket_holder_find(unsigned long inode, const char *program)
{
	const struct dirent *entry;
	DIR *processes = opendir("/proc");
	pid_t found = 0;

	while (processes && found == 0 && (entry = readdir(processes))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 0 && runs(pid, program) &&
		    socket_holder_has(pid, inode))
			found = pid;
	}
	if (processes)
		closedir(processes);
	return found;
}

void
socket_holder_program(pid_t pid, char program[SOCKET_HOLDER_PROGRAM])
{
	char path[40];
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
	file = fopen(path, "re");
	if (!file || !fgets(program, SOCKET_HOLDER_PROGRAM, file))
		*program = '\0';
	program[strcspn(program, "\n")] = '\0';
	if (file)
		fclose(file);
}
