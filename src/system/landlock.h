/* SPDX-License-Identifier: MIT */
/*
 * landlock: what this process may do with files and TCP ports, as the kernel
 * enforces it (landlock(7)).  What a ruleset does not allow is refused with
 * EACCES, however many rights the user has; descriptors that are open stay as
 * they are.  The C library has no functions for it.
 */
#ifndef PORTLOG_SYSTEM_LANDLOCK_H
#define PORTLOG_SYSTEM_LANDLOCK_H

#include <linux/landlock.h>
#include <stdbool.h>
#include <stdint.h>

struct landlock {
	int fd;
	int version;    /* of the kernel's interface */
	uint64_t files; /* the LANDLOCK_ACCESS_FS_ rights that it knows */
	bool has_ports; /* it knows TCP ports, and they are restricted */
	int error;      /* of the last rule that could not be made; 0: none */
};

/* What else is refused, where the kernel knows it. */
enum {
	LANDLOCK_BINDS = 1,     /* to TCP ports that are not allowed */
	LANDLOCK_ABSTRACTS = 2, /* connections to abstract Unix sockets */
};

/*
 * A ruleset that allows nothing with files, nor connections and signals to
 * others.  false: errno; the kernel may have no Landlock, or have it off.
 */
bool landlock_open(struct landlock *, unsigned refused);

/*
 * Allow the rights with the file, or with all that is below the directory.
 * What is not there is left out; of a file that is no directory, so are rights
 * that only directories have.
 */
void landlock_allow(struct landlock *, const char *path, uint64_t rights);

/* Allow to bind a TCP port. */
void landlock_allow_port(struct landlock *, unsigned port);

/*
 * From now on it holds for this thread and those that it starts, for ever.
 * Needs PR_SET_NO_NEW_PRIVS.  false: errno, of a rule too, and nothing holds.
 * In any case the ruleset is closed.
 */
bool landlock_enforce(struct landlock *);

#endif
