/* SPDX-License-Identifier: MIT */
/*
 * probe: one record with a marker for a listener, "portlog check TOKEN-NUMBER",
 * in the listener's framing; and whether it was taken.  One thread.
 */
#ifndef PORTLOG_CLIENT_PROBE_H
#define PORTLOG_CLIENT_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"
#include "base/buffer.h"
#include "client/channel.h"
#include "config/config.h"

/* The size of a token, with a NUL. */
#define PROBE_TOKEN 9

/* The most bytes of a marker, with a NUL. */
#define PROBE_MARKER 48

enum probe_state {
	PROBE_UNSENT,
	PROBE_SENT,   /* but its receipt did not come; or it was a datagram */
	PROBE_TAKEN,  /* a stream: it ended in order */
	PROBE_FAILED, /* with error */
};

/* { 0 } is one that is not sent. */
struct probe {
	enum probe_state state;
	int error;
	char reason[TLS_WORDS]; /* of the failure; "": error says it all */
	struct buffer unsent;   /* it waits for the handshake of TLS */
	struct channel channel;
};

void probe_marker(char marker[PROBE_MARKER], const char *token, size_t number);

/* What "portlog send" needs for a listener: "", or " -u" and its like. */
const char *probe_options(const struct listener_config *);

/*
 * Connect to a listener at one of our addresses (NULL: a Unix socket) and send,
 * over TLS if that is not NULL.  It blocks until the deadline, on
 * CLOCK_MONOTONIC, at most, and not for the handshake.
 */
void probe_send(struct probe *, const struct listener_config *,
		const struct address *, const struct tls *, const char *marker,
		long long until_ms);

/* Wait until each that was sent on a stream is taken, or the deadline. */
void probe_wait(struct probe *const probes[], size_t count, long long until_ms);

/* Whether a datagram was refused by now: then its state is PROBE_FAILED. */
bool probe_is_refused(struct probe *);

void probe_close(struct probe *);

#endif
