/* SPDX-License-Identifier: MIT */
/*
 * top_rows: what two looks at a daemon say of its listeners, outputs and peers:
 * rates, and their history.  Without memory the process ends.  Main thread.
 */
#ifndef PORTLOG_CLIENT_TOP_ROWS_H
#define PORTLOG_CLIENT_TOP_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "client/answer.h"
#include "client/sparkline.h"

#define TOP_CELL 128

struct top_row {
	char name[TOP_CELL];     /* of a listener, an output or a peer */
	char load[TOP_CELL];     /* connections, or how full a buffer is */
	char trouble[TOP_CELL];  /* what is wrong; "": nothing */
	char listener[TOP_CELL]; /* of a peer */
	double records, bytes;   /* in all */
	double record_rate, byte_rate; /* a second; less than 0: not known */
	double seconds, idle_seconds;  /* of a peer; of an output, idle ones */
	double lost;                   /* datagrams of a listener */
	double waiting;                /* connections, records or bytes */
	struct sparkline history;      /* of records a second */
	bool is_present;               /* in the last look */
};

/* In the order of the answers; those that are gone are removed. */
struct top_rows {
	struct top_row *list;
	size_t count;
	size_t next; /* where the next object's row most likely is */
};

/* { 0 } is a new one. */
struct top {
	struct top_rows listeners, outputs, peers;
	char title[256];
	double monotonic_ms; /* the daemon's, at the last look */
};

/* Take in answers to "status" and "who". */
void top_update(struct top *, struct answer *status, struct answer *who);

void top_free(struct top *);

#endif
