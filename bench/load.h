/* SPDX-License-Identifier: MIT */
/* load: what to send, and the functions that sender.c and probe.c share. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "tls.h"

struct load {
	long port;
	bool is_udp;
	bool is_tls;
	bool is_invalid;  /* each line has a byte that is no UTF-8 */
	bool is_short;    /* a connection for each write */
	bool stays;       /* keep the connections open until stdin ends */
	long connections; /* or sockets */
	long lines;       /* of all connections together */
	long line_bytes;  /* of each line, with its newline */
	long write_lines; /* lines of one write */
	long rate;        /* lines a second, all together; 0: no limit */
	bool is_by_line;  /* send a line once the one before is in the log */
	long probes;      /* connections on which the delay is measured */
	long quiet;       /* connections that send only probes */
	const char *log;  /* the path of the receiver's log */
};

/* A connection or UDP socket, and how much was sent on it. */
struct peer {
	int fd;
	struct ssl_st *tls; /* NULL: plain */
	size_t sent, total; /* bytes */
};

/* CLOCK_MONOTONIC. */
long long load_now_ns(void);

/* Print what failed and errno, and exit. */
_Noreturn void load_fail(const char *what);

/* A socket that is connected to the receiver. */
int load_dial(const struct load *);

/* Sleep for 50 us. */
void load_pause(void);

/*
 * Send the rest of one write, as much as the kernel takes without blocking.
 * data is write_lines lines.  false: the kernel took nothing.
 */
bool load_push(const struct load *, struct peer *, const char *data);

/* Print their median, 99th percentile and maximum; sorts them. */
void load_print_delays(long long *delays_ns, long count);

#endif
