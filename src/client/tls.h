/* SPDX-License-Identifier: MIT */
/*
 * tls: what all TLS streams to one host share: whom we trust, whom the host's
 * certificate must name, and our own certificate.  One thread.
 */
#ifndef PORTLOG_CLIENT_TLS_H
#define PORTLOG_CLIENT_TLS_H

#include <stdbool.h>

struct tls_options {
	bool is_on;
	/* Files in PEM; NULL: none. */
	const char *ca;         /* whom to trust, instead of the system's */
	const char *cert, *key; /* our certificate with its chain, its key */
};

struct tls;

/*
 * host is a name or an address, as dial_resolve() has it, and borrowed; NULL:
 * whoever has a certificate that is trusted.  From now on the process ignores
 * SIGPIPE.  NULL: logged; so it is without OpenSSL.
 */
struct tls *tls_open(const struct tls_options *, const char *host);

void tls_close(struct tls *); /* or NULL */

/* For tls_session alone: a new SSL, which the caller frees. */
struct ssl_st *tls_new_ssl(const struct tls *);

#endif
