/* SPDX-License-Identifier: MIT */
/* counters: what went through a listener.  Any thread may read and add. */
#ifndef PORTLOG_SYSTEM_COUNTERS_H
#define PORTLOG_SYSTEM_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/address.h"

struct listener_counters {
	atomic_ullong records;
	atomic_ullong bytes;
	atomic_ullong connections; /* now */
	union {
		atomic_ullong accepted; /* connections in all */
		atomic_ullong limited;  /* datagrams over the rate */
	};
	atomic_ullong refused;   /* connections or datagrams */
	atomic_ullong lost;      /* datagrams that the kernel dropped */
	atomic_ullong truncated; /* datagrams */
};

/* How a stream ended.  The state counts each by its number: keep these. */
enum ending {
	ENDING_NONE, /* it lasts */
	ENDING_EOF,
	ENDING_RESET,
	ENDING_IDLE,
	ENDING_SHUTDOWN,
	ENDING_BAD_FRAME,
	ENDING_ERROR,
	ENDING_TRUNCATED, /* TLS: without close_notify, as the next two */
	ENDING_RESTART,
	ENDING_TLS_ERROR,
	ENDING_KILLED,   /* with the process before this one */
	ENDING_HANDOVER, /* it goes on in the next process */
};

/* As the notes have it; NULL: none of these is an end. */
const char *ending_name(enum ending);

#define COUNTED_ENDINGS 16

/* What is counted beside; 0 where an earlier version did not. */
struct listener_events {
	atomic_ullong closed[COUNTED_ENDINGS]; /* by enum ending */
	atomic_ullong probes;       /* of these, those that sent nothing */
	atomic_ullong lost_bytes;   /* of streams, that a kill lost */
	atomic_llong last_record_s; /* since 1970; 0: there was none */
};

/* A record of that second; costs nothing while it is the same. */
void counters_note_record(struct listener_events *, long long second);

/* "records=1 bytes=2 ...", of size bytes with the NUL. */
void counters_format(const struct listener_counters *, enum protocol, char *out,
		     size_t size);

#endif
