/* SPDX-License-Identifier: MIT */
/* send: the lines of standard input to a port, with a receipt. */
#ifndef PORTLOG_CLIENT_SEND_H
#define PORTLOG_CLIENT_SEND_H

#include <netdb.h>
#include <stdbool.h>

#include "client/progress.h"

struct send {
	const char *host, *port; /* borrowed */
	bool without_receipt;
	int timeout_ms;           /* -1: none */
	struct addrinfo *next;    /* borrowed: addresses not yet tried */
	int fd;                   /* -1, then the caller's to close */
	struct progress progress; /* what was handed over to the system */
	bool has_ended;           /* the other side has, before us */
	bool told_refusal, has_failed;
};

/* All of it, to the end; what fails is told on stderr and in has_failed. */
void send_stream(struct send *);

/* The same, a datagram a line. */
void send_datagrams(struct send *);

/* For their use.  What fails is told; all return false where it has. */
bool send_connect(struct send *);
bool send_failed(struct send *, const char *what);
bool send_input_failed(struct send *, int error);

#endif
