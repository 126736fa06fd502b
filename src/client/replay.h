/* SPDX-License-Identifier: MIT */
/*
 * replay: sends the records of a log again, at their times, over a connection
 * for each of the log.  One thread; all calls wait for the peer.
 */
#ifndef PORTLOG_CLIENT_REPLAY_H
#define PORTLOG_CLIENT_REPLAY_H

#include <stdbool.h>

#include "base/address.h"
#include "record/log_line.h"

/* What is sent with each record, so that the peer can tell them apart. */
enum replay_framing {
	REPLAY_LINE,          /* an LF after it; records may not end in CR */
	REPLAY_LF,            /* an LF after it */
	REPLAY_NUL,           /* a NUL after it */
	REPLAY_OCTET_COUNTED, /* RFC 6587: its size before it */
	REPLAY_NONE,          /* nothing */
};

struct replay_options {
	const char *host, *port; /* borrowed */
	const struct tls *tls;   /* NULL: none; borrowed */
	enum protocol protocol;
	enum replay_framing framing;
	double speed;   /* a factor; 0: do not wait between records */
	int max_gap_ms; /* the longest wait between two; -1: any */
};

struct replay;

/* The options are borrowed until replay_end().  NULL: no such host; logged. */
struct replay *replay_start(const struct replay_options *);

/*
 * Wait until the time of a line, and send its record.  Returns NULL, or what
 * was expected, text to put behind "expected ": the record would arrive
 * changed.  A wait of ten seconds or more is logged.  Errors of the network are
 * logged, and counted by replay_end().
 */
const char *replay_take(struct replay *, const struct log_line *);

/*
 * End all streams, wait until the peer has ended them too, and free all.
 * false: something has failed since the start, and was logged.
 */
bool replay_end(struct replay *);

#endif
