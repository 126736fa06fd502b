/* SPDX-License-Identifier: MIT */
/*
 * tls_files: the files of a listener's TLS, all in PEM, as an SSL_CTX of
 * OpenSSL.  Any thread but the main one, once the daemon serves: it blocks on
 * files.
 */
#ifndef PORTLOG_INPUT_TLS_FILES_H
#define PORTLOG_INPUT_TLS_FILES_H

#include "config/config.h"
#include "input/tls_dates.h"

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

/* The size of an error with its NUL; what is longer is cut off. */
#define TLS_ERROR 512

/* The caller frees it.  NULL: error has the reason. */
struct ssl_ctx_st *tls_files_read(const struct config_tls *, struct tls_dates *,
				  char error[TLS_ERROR]);

#endif
