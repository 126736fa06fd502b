/* SPDX-License-Identifier: MIT */
/* replay: sends records again, a connection for each peer, at their times. */
#ifndef PORTLOG_CLIENT_REPLAY_H
#define PORTLOG_CLIENT_REPLAY_H

#include <stdbool.h>

#include "base/address.h"
#include "record/log_line.h"

enum replay_framing {
	REPLAY_LINE,          /* an LF behind each record, or a CRLF */
	REPLAY_LF,            /* an LF behind each */
	REPLAY_NUL,           /* a NUL */
	REPLAY_OCTET_COUNTED, /* RFC 6587: its length before it */
	REPLAY_NONE,          /* nothing */
};

struct replay_options {
	const char *host, *port; /* borrowed */
	enum protocol protocol;
	enum replay_framing framing;
	double speed; /* so many times as fast; 0: at once */
};

struct replay;

/* NULL: the host is not known, and stderr was told. */
struct replay *replay_start(const struct replay_options *);

/*
 * Wait for the time of a line, and send it.  Returns NULL, or what the line
 * should have been; what fails in the network is told on stderr.
 */
const char *replay_take(struct replay *, const struct log_line *);

/*
 * Close all that is open, wait for the other side to close too, and free all;
 * false if anything has failed since the start.
 */
bool replay_end(struct replay *);

#endif
