/* SPDX-License-Identifier: MIT */
/*
 * daemon_status: what a daemon says of itself at its status socket, as it was
 * at one moment.  Without memory the process ends.  Main thread.
 */
#ifndef PORTLOG_CLIENT_DAEMON_STATUS_H
#define PORTLOG_CLIENT_DAEMON_STATUS_H

#include <stdbool.h>
#include <stddef.h>

/* What numbers and texts mean is said in portlog(1). */
struct listener_status {
	char *name;
	unsigned port; /* 0: of a Unix socket */
	bool is_absent;
	double records, refused, lost;
	double connections, max_connections, waiting;
	double receive_buffer, receive_buffer_asked;
};

struct output_status {
	char *name;
	double records, bytes, waiting;
	char *stall; /* the reason; NULL: it does not stand still */
	double stalled_s;
};

/* { 0 } is of a daemon that was not asked. */
struct daemon_status {
	bool has_answered;
	int error; /* why it has not */
	int pid;
	double uptime_s;
	char *configuration, *configuration_hash;
	double connections, max_connections;
	struct listener_status *listeners;
	size_t listener_count;
	struct output_status *outputs;
	size_t output_count;
};

/*
 * Ask at the socket, and wait so long at most.  Where it does not answer, error
 * says why: ENOSYS where answers cannot be read.
 */
void daemon_status_ask(struct daemon_status *, const char *socket_path,
		       int timeout_ms);

/* That of a listener: by its name, or where it has none, by its place. */
const struct listener_status *daemon_status_listener(
	const struct daemon_status *, const char *name, size_t place);
const struct output_status *daemon_status_output(const struct daemon_status *,
						 const char *name);

void daemon_status_free(struct daemon_status *);

#endif
