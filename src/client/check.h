/* SPDX-License-Identifier: MIT */
/*
 * check: what "portlog check" knows, and its steps, which the files check_*.c
 * have.  Each step reports what it finds; none waits without a limit.  Without
 * memory the process ends.  Main thread.
 */
#ifndef PORTLOG_CLIENT_CHECK_H
#define PORTLOG_CLIENT_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#include "base/proc_net.h"
#include "client/daemon_status.h"
#include "client/marker_files.h"
#include "client/own_addresses.h"
#include "client/probe.h"
#include "client/report.h"
#include "client/unit.h"
#include "config/config.h"

struct check_listener {
	const struct listener_config *config;
	char *name;
	unsigned port;                   /* 0: not known, or none */
	bool listens;                    /* as far as can be seen */
	const struct net_socket *socket; /* NULL: Unix, or not there */
	pid_t holder;   /* not the daemon, and has its port; 0: none is seen */
	bool is_unseen; /* somebody of user owner has its port */
	uid_t owner;
	const struct listener_status *status; /* NULL: not told, as the next */
	struct address address; /* where it is probed; not for Unix */
	const char *untried;    /* why there was no probe; NULL: there was */
	struct probe probe;
};

struct check_output {
	const struct output_config *config;
	struct marker_files files;
	struct markers markers;
};

struct check {
	const char *path; /* of the configuration */
	bool has_probes;
	bool is_configured; /* without errors */
	struct config config;
	struct check_listener
		*listeners; /* as many as in config, as the next */
	struct check_output *outputs;
	struct daemon_status status; /* before the probes, and after them */
	struct daemon_status after;
	struct unit unit; /* not loaded: it is another daemon, or none */
	struct net_sockets sockets;
	struct own_addresses addresses;
	char token[PROBE_TOKEN];
	struct timespec began;
	struct report report;
};

/* The steps, in their order.  The first finds out is_configured. */
void check_configuration(struct check *);
void check_listens(struct check *);
void check_streams(struct check *);
void check_datagrams(struct check *);
void check_outputs(struct check *);
void check_receive_buffers(struct check *);
void check_drops(struct check *);
void check_backlogs(struct check *);
void check_limits(struct check *);
void check_disks(struct check *);
void check_clock(struct check *);
void check_unit(struct check *);
void check_firewall(struct check *);

/* What is the likely cause; or how another host finds out more. */
void check_conclude(struct check *);

#endif
