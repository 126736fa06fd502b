/* SPDX-License-Identifier: MIT */
/* load: what the sender sends, and what sending and probing share. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>

struct load {
	long port;
	bool is_udp;
	bool stays;       /* keeps its connections until stdin ends */
	long connections; /* or sockets */
	long lines;       /* of all connections together */
	long line_bytes;  /* of each, newline included */
	long write_lines; /* how many go with one write */
	long rate;        /* lines a second of all together; 0: no limit */
	bool is_by_line;  /* each when the one before is in the log */
	long probes;      /* on so many connections the delay is measured */
	long quiet;       /* so many send nothing but a probe now and then */
	const char *log;  /* that the receiver writes */
};

/* A connection, and how far it is. */
struct peer {
	int fd;
	size_t sent, total; /* bytes */
};

long long load_now_ns(void);
_Noreturn void load_fail(const char *what);
void load_pause(void);

/* One write, as far as the kernel takes it; false: it takes nothing now. */
bool load_push(const struct load *, struct peer *, const char *data);

#endif
