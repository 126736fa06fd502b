/* SPDX-License-Identifier: MIT */
/*
 * tls_context: what all TLS connections of a listener share: its certificate
 * and key, and who has to show a certificate.  A build without OpenSSL opens
 * none.  Any thread, the main one only where the comment says so.
 */
#ifndef PORTLOG_INPUT_TLS_CONTEXT_H
#define PORTLOG_INPUT_TLS_CONTEXT_H

#include "config/config.h"
#include "input/tls_dates.h"
#include "input/tls_files.h"
#include "input/tls_peer.h"

struct tls_context;

/*
 * Read the files, which blocks.  The configuration must outlive the context.
 * NULL: error names the setting and the file, and says what is wrong.  Main
 * thread, as tls_context_close().
 */
struct tls_context *tls_context_open(const struct config_tls *,
				     char error[TLS_ERROR]);
void tls_context_close(struct tls_context *);

/*
 * Read the files again, for sessions from now on; blocks.  false: error has the
 * reason, and what was read before is used on.  Not the main thread.
 */
bool tls_context_reload(struct tls_context *, char error[TLS_ERROR]);

void tls_context_dates(struct tls_context *, struct tls_dates *);

/*
 * The server's side of a new connection; the caller frees it, also after the
 * context is closed.  NULL: there is no memory.
 */
struct ssl_st *tls_context_session(struct tls_context *);

#endif
