/* SPDX-License-Identifier: MIT */
/*
 * tls_words: what OpenSSL says of a failure, in words that name what to do.
 * They may have bytes of the other side in them.  Any thread.
 */
#ifndef PORTLOG_CLIENT_TLS_WORDS_H
#define PORTLOG_CLIENT_TLS_WORDS_H

#include <stdbool.h>

/* The size of such words, with a NUL. */
#define TLS_WORDS 256

/* OpenSSL's own words for a code of its queue of errors; never NULL. */
const char *tls_words_of(unsigned long code);

/* Why a stream has failed; in_handshake: before it was one. */
void tls_words_failed(char words[TLS_WORDS], unsigned long code,
		      bool in_handshake);

/* Why the certificate of the other side is refused. */
struct x509_store_ctx_st;
void tls_words_refused(char words[TLS_WORDS], struct x509_store_ctx_st *);

#endif
