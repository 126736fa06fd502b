/* SPDX-License-Identifier: MIT */
/*
 * send: standard input to a port, and the receipt.  One thread; all calls wait
 * for the peer.  What fails is logged, and sets has_failed.
 */
#ifndef PORTLOG_CLIENT_SEND_H
#define PORTLOG_CLIENT_SEND_H

#include <netdb.h>
#include <stdbool.h>

#include "client/channel.h"
#include "client/progress.h"

struct send {
	const char *host, *port; /* borrowed */
	const struct tls *tls;   /* NULL: none; borrowed */
	bool without_receipt;
	int timeout_ms;           /* -1: none */
	struct addrinfo *next;    /* borrowed: the addresses not yet tried */
	struct channel channel;   /* at first of -1; the caller closes it */
	struct progress progress; /* what the kernel has taken */
	bool refusal_logged, has_failed;
};

/* Send all of it over TCP. */
void send_stream(struct send *);

/* Send all of it over UDP, a datagram for each line. */
void send_datagrams(struct send *);

/*
 * For these two alone: connect; log a failure of the network, or of stdin.  All
 * return false on failure.
 */
bool send_connect(struct send *);
bool send_failed(struct send *, const char *what);
bool send_input_failed(struct send *, int error);

#endif
