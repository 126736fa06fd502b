/* SPDX-License-Identifier: MIT */
/*
 * tls_session: TLS over a connected socket that does not block.  No call
 * waits; one that fails sets errno.  EAGAIN: repeat it, with the same data,
 * once poll(2) returns what sends_wait_for or receives_wait_for says.  After
 * another error only tls_session_free() may be called.  One thread.
 */
#ifndef PORTLOG_CLIENT_TLS_SESSION_H
#define PORTLOG_CLIENT_TLS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "client/tls.h"
#include "client/tls_words.h"

struct tls_session {
	struct ssl_st *ssl;
	bool is_open; /* the handshake is done */
	/* POLLIN or POLLOUT; 0: nothing is to be repeated. */
	short sends_wait_for, receives_wait_for;
	/* Of the error; "": errno says it all. */
	char reason[TLS_WORDS];
};

/* Never NULL.  The descriptor is borrowed. */
struct tls_session *tls_session_new(const struct tls *, int fd);

/* The handshake, with which sends wait.  It verifies the other side. */
bool tls_session_handshake(struct tls_session *);

/* As send(2): what it returns is in the kernel's hands. */
ssize_t tls_session_send(struct tls_session *, const char *data, size_t size);

/* As recv(2); 0: the other side has sent close_notify.  A FIN is an error. */
ssize_t tls_session_receive(struct tls_session *, char *data, size_t size);

/* Send close_notify; nothing may be sent after it. */
bool tls_session_end(struct tls_session *);

void tls_session_free(struct tls_session *); /* or NULL */

#endif
