/* SPDX-License-Identifier: MIT */
#include "system/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The header may be older than the kernel. */
#define SCOPE_ABSTRACT 1
#define SCOPE_SIGNAL 2
#define BIND_TCP 1
#define CONNECT_TCP 2
#define RULE_PORT 2

#define OF_FILES                                                               \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |          \
	 LANDLOCK_ACCESS_FS_READ_FILE)

struct ruleset {
	uint64_t files, ports, scopes;
};

/* How many rights with files each version knows; the first bits are these. */
static const unsigned rights_by_version[] = { 0, 13, 14, 15, 15, 16 };

#define VERSIONS (sizeof rights_by_version / sizeof rights_by_version[0])

static uint64_t
rights_of(int version)
{
	size_t known =
		(size_t)version < VERSIONS ? (size_t)version : VERSIONS - 1;

	return (UINT64_C(1) << rights_by_version[known]) - 1;
}

/* An older kernel takes a larger structure, as long as the rest is zero. */
bool
landlock_open(struct landlock *l, unsigned refused)
{
	struct ruleset set = { 0 };

	l->error = 0;
	l->version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
				  LANDLOCK_CREATE_RULESET_VERSION);
	if (l->version < 0)
		return false;
	l->files = set.files = rights_of(l->version);
	l->has_ports = l->version >= 4 && refused & LANDLOCK_BINDS;
	if (l->version >= 4)
		set.ports = CONNECT_TCP | (l->has_ports ? BIND_TCP : 0);
	if (l->version >= 6)
		set.scopes =
			SCOPE_SIGNAL |
			(refused & LANDLOCK_ABSTRACTS ? SCOPE_ABSTRACT : 0);
	l->fd = (int)syscall(SYS_landlock_create_ruleset, &set, sizeof set, 0);
	return l->fd >= 0;
}

/* A pipe needs no rule, and can have none: EBADFD. */
static void
add_rule(struct landlock *l, int type, const void *rule)
{
	if (syscall(SYS_landlock_add_rule, l->fd, type, rule, 0) != 0 &&
	    errno != EBADFD)
		l->error = errno;
}

void
landlock_allow(struct landlock *l, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = {
		.allowed_access = rights & l->files,
		.parent_fd = open(path, O_PATH | O_CLOEXEC),
	};
	struct stat status;

	if (rule.parent_fd < 0)
		return;
	if (fstat(rule.parent_fd, &status) != 0 || !S_ISDIR(status.st_mode))
		rule.allowed_access &= OF_FILES;
	add_rule(l, LANDLOCK_RULE_PATH_BENEATH, &rule);
	close(rule.parent_fd);
}

void
landlock_allow_port(struct landlock *l, unsigned port)
{
	const uint64_t rule[] = { BIND_TCP, port };

	if (l->has_ports)
		add_rule(l, RULE_PORT, rule);
}

bool
landlock_enforce(struct landlock *l)
{
	if (l->error == 0 && syscall(SYS_landlock_restrict_self, l->fd, 0) != 0)
		l->error = errno;
	close(l->fd);
	errno = l->error;
	return l->error == 0;
}
