/* SPDX-License-Identifier: MIT */
/*
 * fdstore: descriptors that systemd keeps while no process of ours runs, and
 * passes to the next one (sd_pid_notify_with_fds(3), systemd.service(5)).
 * Elsewhere, and without libsystemd, there is none.  Any thread; the calls
 * block only while systemd's socket is full, but for fdstore_barrier().
 */
#ifndef PORTLOG_SYSTEM_FDSTORE_H
#define PORTLOG_SYSTEM_FDSTORE_H

#include <stdbool.h>
#include <stdint.h>

/* Room for the name of a descriptor and a NUL: systemd takes no longer one. */
#define FDSTORE_NAME 256

bool fdstore_available(void);

/*
 * Store a duplicate of a descriptor, or remove all of a name; errors are
 * logged.  A name is printable ASCII without a colon: see fdstore_name().
 */
void fdstore_add(int fd, const char *name);
void fdstore_remove(const char *name);

/*
 * Wait until systemd has read all that was sent, five seconds at the most: it
 * does not take the messages of a process that is gone.
 */
void fdstore_barrier(void);

/* Any text as a name: characters that it may not hold are replaced. */
void fdstore_name(char out[FDSTORE_NAME], const char *text);

/*
 * Our names: a listener has the cookie of its socket, which no other socket
 * has; the state and the saved bytes the generation of the state.
 */
#define FDSTORE_LISTENER "listener"
#define FDSTORE_STATE "state"
#define FDSTORE_BYTES "bytes"
void fdstore_numbered_name(char out[FDSTORE_NAME], const char *kind,
			   uint64_t number);
bool fdstore_is_numbered(const char *name, const char *kind, uint64_t *number);

#endif
