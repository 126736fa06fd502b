/* SPDX-License-Identifier: MIT */
/*
 * tls_peer: who the peer of a TLS session is, and whether it may talk.  Any
 * thread.
 */
#ifndef PORTLOG_INPUT_TLS_PEER_H
#define PORTLOG_INPUT_TLS_PEER_H

#include "config/config.h"
#include "config/tls_names.h"

struct ssl_st;     /* OpenSSL's SSL */
struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

/* A name of a certificate, escaped, with a NUL; what is longer is cut off. */
#define TLS_NAME 129

/* The details of a refusal, with a NUL: as much as a summary of notes takes. */
#define TLS_DETAIL 256

/* Who a peer is, by its certificate. */
struct tls_identity {
	char name[TLS_NAME];               /* without a space; "": none */
	char fingerprint[TLS_FINGERPRINT]; /* "": it showed no certificate */
};

/* What became of a handshake. */
struct tls_verdict {
	struct tls_identity identity;
	/* Of a refusal, as a struct note_event has them; NULL: no reason. */
	const char *reason;      /* "no-certificate", "certificate", "name" */
	char detail[TLS_DETAIL]; /* "": none */
};

/*
 * Have the sessions of an SSL_CTX judge their peers.  The configuration must
 * outlive them.
 */
void tls_peer_check(struct ssl_ctx_st *, const struct config_tls *);

/*
 * Who the peer of a session is and, if the handshake has failed, whether its
 * certificate is the reason.  Call it once SSL_accept() has succeeded or
 * failed; cause: see tls_stream_cause().
 */
void tls_peer_judge(const struct ssl_st *, unsigned long cause,
		    struct tls_verdict *);

#endif
